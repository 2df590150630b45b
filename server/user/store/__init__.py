"""Where accounts are kept: the contract that a store fulfils."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from server.kit.idempotency import Key
from server.kit.paging import Page, PageQuery
from server.user.rules import Filters, User

SORTABLE: Mapping[str, type] = {"created_at": datetime, "email": str, "full_name": str}
"""By what `UserStore.list` can sort, and of which type that is."""


class UserStore(Protocol):
    """Accounts and their password hashes.

    Every method raises `Unavailable` when the database is away and `DeadlineExceeded` when it is
    too slow; nothing is half-written then, but a change may have been made.
    """

    async def create(
        self, user: User, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        """Keeps a new account, and `answer` under `key`, together; gives the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and
        `EmailTaken`.
        """

    async def get(self, user_id: str) -> User:
        """The account. Raises `UserNotFound`."""

    async def credentials(self, email: str) -> tuple[User, bytes | None] | None:
        """The account with `email`, in any case, and its password hash; None when there is none."""

    async def list(self, filters: Filters, query: PageQuery) -> Page:
        """One page of `User` rows in the query's order, ties broken by id."""

    async def update(self, user_id: str, change: Callable[[User], User]) -> User:
        """Locks the account, keeps what `change` makes of it, and gives that.

        `change` decides and calls nobody; what it raises undoes everything. Raises `UserNotFound`
        and `EmailTaken`. Of two updates at once the second sees what the first has made.
        """

    async def delete(self, user_id: str, check: Callable[[User], None]) -> None:
        """Locks the account, and deletes it unless `check` raises. Raises `UserNotFound`.

        The answer to its create goes with it, so that its key is as good as new.
        """

    async def set_password(self, user_id: UUID, password_hash: bytes) -> None:
        """Replaces the account's password hash. Raises `UserNotFound`."""
