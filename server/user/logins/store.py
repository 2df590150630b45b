"""Where password hashes are stored: the interface of a store, and PostgreSQL's."""

from typing import Protocol

from server.kit.postgres import Pool, translated
from server.user.accounts.rows import COLUMNS, to_user
from server.user.logins.rules import Credentials


class CredentialStore(Protocol):
    """The password hashes of accounts. Errors as in `UserStore`."""

    async def find(self, email: str) -> Credentials | None:
        """The account with `email`, in any case, and its password hash; None when there is none."""

    async def get(self, user_id: str) -> Credentials:
        """The account with that id, and its password hash. Raises `UserNotFound`."""

    async def replace_password(self, user_id: str, was: bytes, password_hash: bytes) -> bool:
        """Replaces the account's password hash if it still is `was`; whether it was."""


_FIND = f"SELECT {', '.join(COLUMNS)}, password_hash FROM users WHERE lower(email) = lower($1)"

_GET = f"SELECT {', '.join(COLUMNS)}, password_hash FROM users WHERE id = $1"

_REPLACE_HASH = (
    "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id"
)

# NULL where there is no such table.
_MAY_ADD = "SELECT has_table_privilege(to_regclass('users'), 'INSERT')"


class PostgresCredentialStore:
    """A `CredentialStore` on a pool of connections to `emporium_user`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, email: str) -> Credentials | None:
        with translated():
            row = await self._pool.fetchrow(_FIND, email)
        return Credentials(to_user(row), row["password_hash"]) if row else None

    async def get(self, user_id: str) -> Credentials:
        with translated():
            row = await self._pool.fetchrow(_GET, user_id)
        return Credentials(to_user(row), row["password_hash"] if row else None)

    async def replace_password(self, user_id: str, was: bytes, password_hash: bytes) -> bool:
        with translated():
            found = await self._pool.fetchval(_REPLACE_HASH, user_id, was, password_hash)
        return found is not None

    async def may_add(self) -> bool:
        """Whether the database was migrated, and lets the pool's role add accounts."""
        with translated():
            return bool(await self._pool.fetchval(_MAY_ADD))
