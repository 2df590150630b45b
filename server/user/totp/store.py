"""Where second factors are stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import asyncpg

from server.kit.context import Role
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.user.accounts.rows import USERS, ended, to_user
from server.user.accounts.rules import Changed, User, UserEvent, UserNotFound
from server.user.mail.rules import MailRequest
from server.user.totp.rules import Totp, TotpAlreadyEnabled


class TotpStore(Protocol):
    """Second factors and recovery codes, which belong to their accounts and end with them.

    Errors as in `UserStore`.
    """

    async def begin(self, user_id: str, sealed: bytes, now: datetime) -> None:
        """Stores a secret that is to be confirmed, in place of another such one.

        Raises `TotpAlreadyEnabled` and `UserNotFound`.
        """

    async def enable(
        self,
        user_id: str,
        check: Callable[[Totp | None], int],
        change: Callable[[User], Changed],
        code_hashes: Sequence[bytes],
        now: datetime,
    ) -> None:
        """Locks the account and its secret, and makes that the second factor.

        `check` gives the step whose code was used, and its exceptions roll everything back. What
        `change` makes of the account is stored, with event and mails. Raises `UserNotFound`.
        """

    async def disable(self, user_id: str, change: Callable[[User], Changed]) -> None:
        """Deletes secret and recovery codes; `change` and errors as in `enable`."""

    async def find(self, user_id: str) -> Totp | None:
        """The account's secret; None when it has none."""

    async def export(self, user_id: str) -> Sequence[Mapping[str, object]]:
        """Since when the account has a second factor, and how many recovery codes are left."""

    async def spend_step(self, user_id: str, step: int) -> bool:
        """Whether the account has a second factor whose last used code is of an earlier step.

        If so, this one is now the last: of two at the same time one is told so.
        """

    async def spend_recovery_code(
        self, user_id: str, code_hash: bytes, told: Callable[[int], MailRequest]
    ) -> bool:
        """Whether the account had that recovery code. If so it has it no more, and a mail is sent.

        `told` makes it of the number of those that are left. Of two at the same time one is told
        so.
        """


_TOTP = Table("totp_secrets", ("user_id", "sealed", "enabled_at", "last_step"), lock_rank=20)

_BEGIN = """
    INSERT INTO totp_secrets AS old (user_id, sealed, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET sealed = $2, created_at = $3 WHERE old.enabled_at IS NULL
    RETURNING user_id
"""

_FIND = "SELECT sealed, enabled_at FROM totp_secrets WHERE user_id = $1"

_LOCK = f"{_FIND} FOR UPDATE"

_LOCK_USER = f"SELECT {USERS.columns} FROM users WHERE id = $1 FOR UPDATE"

_ENABLE = "UPDATE totp_secrets SET enabled_at = $2, last_step = $3 WHERE user_id = $1"

_ADD_CODES = """
    INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])
"""

_DELETE_SECRET = "DELETE FROM totp_secrets WHERE user_id = $1"  # noqa: S105 - a statement

_DELETE_CODES = "DELETE FROM recovery_codes WHERE user_id = $1"

_SPEND_STEP = """
    UPDATE totp_secrets SET last_step = $2
    WHERE user_id = $1 AND enabled_at IS NOT NULL AND last_step < $2
    RETURNING user_id
"""

_SPEND_CODE = """
    DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2 RETURNING user_id
"""


_COUNT_CODES = "SELECT count(*) FROM recovery_codes WHERE user_id = $1"

_OF_PERSON = """
    SELECT created_at, enabled_at, (
        SELECT count(*) FROM recovery_codes AS code WHERE code.user_id = secret.user_id
    ) AS recovery_codes
    FROM totp_secrets AS secret WHERE user_id = $1
"""

_ERASE = (
    ("second_factors", f"{_DELETE_SECRET} RETURNING user_id"),
    ("recovery_codes", f"{_DELETE_CODES} RETURNING user_id"),
)


class PostgresTotpStore:
    """A `TotpStore` on a pool of connections to `emporium_user`.

    `encode` and `wake` are as those of `PostgresUserStore`.
    `totp_required_of` as in `rows.ended`.
    """

    def __init__(
        self,
        pool: Pool,
        encode: Callable[[UserEvent | MailRequest], Event],
        wake: Callable[[], None],
        totp_required_of: Collection[Role] = (),
    ) -> None:
        self._totp_required_of = totp_required_of
        self._pool = pool
        self._encode = encode
        self._wake = wake

    async def export(self, user_id: str) -> Sequence[Mapping[str, object]]:
        with translated():
            rows = await self._pool.fetch(_OF_PERSON, user_id)
        return [dict(row) for row in rows]

    async def erase(self, unit: UnitOfWork, user: User) -> Mapping[str, int]:
        """Deletes secret and recovery codes: a part of `personal_data/store.py`."""
        return {kind: len(await unit.fetch(statement, user.id)) for kind, statement in _ERASE}

    async def begin(self, user_id: str, sealed: bytes, now: datetime) -> None:
        try:
            with translated():
                begun = await self._pool.fetchval(_BEGIN, user_id, sealed, now)
        except asyncpg.ForeignKeyViolationError as error:
            raise UserNotFound("no such user") from error
        if begun is None:
            raise TotpAlreadyEnabled

    async def enable(
        self,
        user_id: str,
        check: Callable[[Totp | None], int],
        change: Callable[[User], Changed],
        code_hashes: Sequence[bytes],
        now: datetime,
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            before = await _locked(unit, user_id)
            step = check(_totp(await unit.lock(_TOTP, _LOCK, user_id)))
            unit.write(Write(_ENABLE, (user_id, now, step)))
            unit.write(Write(_ADD_CODES, (user_id, code_hashes)))
            self._write(unit, before, change(before))

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def disable(self, user_id: str, change: Callable[[User], Changed]) -> None:
        async def work(unit: UnitOfWork) -> None:
            before = await _locked(unit, user_id)
            unit.write(Write(_DELETE_SECRET, (user_id,)))
            unit.write(Write(_DELETE_CODES, (user_id,)))
            self._write(unit, before, change(before))

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def find(self, user_id: str) -> Totp | None:
        with translated():
            return _totp(await self._pool.fetch(_FIND, user_id))

    async def spend_step(self, user_id: str, step: int) -> bool:
        with translated():
            return await self._pool.fetchval(_SPEND_STEP, user_id, step) is not None

    async def spend_recovery_code(
        self, user_id: str, code_hash: bytes, told: Callable[[int], MailRequest]
    ) -> bool:
        async def work(unit: UnitOfWork) -> bool:
            await unit.lock(_TOTP, _LOCK, user_id)  # for the count: one code after the other
            spent = bool(await unit.fetch(_SPEND_CODE, user_id, code_hash))
            if spent:
                ((left,),) = await unit.fetch(_COUNT_CODES, user_id)
                unit.write(append([self._encode(told(left))]))
            return spent

        was_there = await transaction(self._pool, work)
        self._wake()
        return was_there

    def _write(self, unit: UnitOfWork, before: User, changed: Changed) -> None:
        user, event, mails = changed
        unit.write(USERS.update([user]))
        if told := [self._encode(each) for each in (event, *mails) if each]:
            unit.write(append(told))
        for entry in ended(before, event, self._totp_required_of):
            unit.write(entry)


async def _locked(unit: UnitOfWork, user_id: str) -> User:
    rows = await unit.lock(USERS, _LOCK_USER, user_id)
    return to_user(rows[0] if rows else None)


def _totp(rows: Sequence[Record]) -> Totp | None:
    return Totp(rows[0]["sealed"], rows[0]["enabled_at"] is not None) if rows else None
