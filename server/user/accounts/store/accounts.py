"""Accounts in PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import asyncpg

from server.kit import errors
from server.kit.context import Key, Role
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.loader import Loader
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once, write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write, to_json
from server.kit.standing import Standing
from server.kit.turns import turns
from server.user.accounts.rows import ROLES, USERS, ended, to_user
from server.user.accounts.rules import (
    Changed,
    EmailTaken,
    Filters,
    Opened,
    Status,
    User,
    UserEvent,
)
from server.user.accounts.rules.admins import check_another_admin, needs_another_admin
from server.user.accounts.store import SORTABLE, Asking, Erasing
from server.user.mail.rules import MailKind, MailRequest
from server.user.revocations.rows import ENTRY, LATER, Entry, to_entry

_READ_TOGETHER_MAX = 100  # accounts, by a statement that a hundred single calls share

_LISTING = Listing("users", USERS.columns, SORTABLE, filtered_by="created_at")

_INSERT = f"""
    INSERT INTO users ({USERS.columns}, password_hash)
    SELECT {USERS.columns}, $2::bytea FROM json_populate_recordset(NULL::users, $1)
"""

_GET = f"SELECT {USERS.columns} FROM users WHERE id = $1"

_GET_MANY = f"SELECT {USERS.columns} FROM users WHERE id = ANY($1)"

_GET_STANDINGS = f"""
    SELECT users.id AS account, users.role AS account_role, status, {ENTRY}
    FROM users {LATER.format("$2")} WHERE users.id = ANY($1) ORDER BY entry.position
"""

_LOCK = f"{_GET} FOR UPDATE"

# `user_words` is what the index holds: migration 0004. Words hold no quotes, and a space between.
_HAS_WORDS = """
    user_words(email, full_name) @@ (
        '''' || replace(lower({}), ' ', ''':* & ''') || ''':*'
    )::tsquery
"""

_IS_FOUND_BY_WORDS = f"id = ANY(ARRAY(SELECT id FROM users WHERE {_HAS_WORDS}))"

# The planner takes a rare word for a common one, and would look for the first 20 by reading the
# accounts in order: 3 s of 500,000, where the few that the index finds take 1 to 120 ms. Of a word
# that really is common the first 20 are soon found in order, in 20 to 85 ms (PostgreSQL 18, two
# busy cores, November 2026).
_FOUND_MAX = 10_000
_COUNT_FOUND = f"""
    SELECT count(*) FROM (
        SELECT FROM users WHERE {_HAS_WORDS.format("$1")} LIMIT {_FOUND_MAX + 1}
    ) AS found
"""

# One at a time may take an admin away, until it has committed: each sees what the one before has
# left. It is taken behind the account's row, and whoever holds it waits for no row.
_TAKE_ADMINS_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('users.admins', 0))"

# Who can sign in, and then act: $2 is whether that takes a second factor.
_ANOTHER_ADMIN = """
    SELECT FROM users WHERE role = 'ADMIN' AND status = 'ACTIVE' AND id <> $1
      AND password_hash IS NOT NULL AND (totp_enabled OR NOT $2) LIMIT 1
"""

_REPLACE_HASH = """
    UPDATE users SET password_hash = $3
    WHERE id = $1 AND password_hash IS NOT DISTINCT FROM $2 RETURNING id
"""

_DELETE = "DELETE FROM users WHERE id = $1"


class PostgresUserStore:
    """A `UserStore` on a pool of connections to `emporium_user`.

    `encode` puts an event or a mail into the outbox's envelope. `wake` is called after each commit
    that left one there.
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
        self._totals = Totals(pool, _LISTING.table)
        self._encode = encode
        self._wake = wake
        # One statement for all who ask meanwhile: 180 us of CPU a call instead of 255, under load
        # (two cores of an AMD EPYC, November 2026).
        self._loader: Loader[str, Record] = Loader(self._rows, batch_max=_READ_TOGETHER_MAX)

    async def create(
        self, opened: Opened, password_hash: bytes | None, key: Key | None, answer: bytes
    ) -> bytes:
        user = opened.user
        writes = [
            Write(_INSERT, (to_json([user]), password_hash)),
            append([self._encode(each) for each in (opened.event, opened.mail) if each]),
        ]
        with _named():
            given = await write_once(self._pool, writes, key, answer, subject=user.id)
        self._wake()
        return given

    async def get(self, user_id: str) -> User:
        return to_user(await self._loader.get(user_id.lower()))

    async def get_many(self, user_ids: Iterable[str]) -> Sequence[User]:
        wanted = list(dict.fromkeys(user_id.lower() for user_id in user_ids))
        found: list[User] = []
        async for some in turns(wanted):
            rows = await self._rows(some)
            found += [to_user(rows[user_id]) for user_id in some if user_id in rows]
        return found

    async def _rows(self, user_ids: Sequence[str]) -> Mapping[str, Record]:
        with translated():
            rows = await self._pool.fetch(_GET_MANY, user_ids)
        return {str(row["id"]): row for row in rows}

    async def standings(
        self, user_ids: Sequence[str], position: int
    ) -> tuple[Mapping[str, Standing], Sequence[Entry]]:
        with translated():
            rows = await self._pool.fetch(_GET_STANDINGS, user_ids, position)
        found = {
            str(row["account"]): Standing(
                ROLES[row["account_role"]], row["status"] == Status.ACTIVE
            )
            for row in rows
        }
        return found, [to_entry(row) for row in rows if row["position"] is not None]

    async def list(self, filters: Filters, query: PageQuery) -> Page[User]:
        by_words = await self._by_words(filters.words) if filters.words else ""
        where = Where.of(
            ("lower(email) = lower({})", filters.email),
            ("created_at >= {}", filters.created_after),
            ("created_at < {}", filters.created_before),
            (by_words, filters.words),
            equal={"role": filters.role, "status": filters.status},
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([to_user(row) for row in page.rows])

    async def _by_words(self, words: str) -> str:
        """The condition that finds accounts by those words with bounded work."""
        with translated():
            found = await self._pool.fetchval(_COUNT_FOUND, words)
        return _IS_FOUND_BY_WORDS if found <= _FOUND_MAX else _HAS_WORDS

    async def update(self, user_id: str, change: Callable[[User], Changed]) -> User:
        user = await transaction(self._pool, lambda unit: self._changed(unit, user_id, change))
        self._wake()
        return user

    async def update_once(
        self,
        user_id: str,
        change: Callable[[User], Changed],
        key: Key | None,
        answer: Callable[[User], bytes],
        asking: Asking,
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            return answer(await self._changed(unit, user_id, change, asking))

        given = await change_once(self._pool, work, key, subject=user_id)
        self._wake()
        return given

    async def _changed(
        self,
        unit: UnitOfWork,
        user_id: str,
        change: Callable[[User], Changed],
        asking: Asking | None = None,
    ) -> User:
        before = await _locked(unit, user_id)
        user, event, mails = change(before)
        await self._check_admins(unit, before, user)
        for mail in mails:
            if asking and mail.kind is MailKind.CHANGE_EMAIL:
                await asking.ask(unit, mail)
        unit.write(USERS.update([user]))
        if told := [self._encode(each) for each in (event, *mails) if each]:
            unit.write(append(told))
        with _named():
            await unit.flush()
        for write in ended(before, event, self._totp_required_of):
            unit.write(write)
        return user

    async def _check_admins(self, unit: UnitOfWork, before: User, after: User | None) -> None:
        """Raises `LastAdmin` for a change that would leave no admin; `after` None: deleted."""
        if needs_another_admin(before, after):
            await unit.fetch(_TAKE_ADMINS_TURN)
            takes_totp = Role.ADMIN in self._totp_required_of
            is_there = bool(await unit.fetch(_ANOTHER_ADMIN, before.id, takes_totp))
            check_another_admin(is_there, before, after, takes_totp=takes_totp)

    async def change_password(
        self,
        user_id: str,
        was: bytes | None,
        password_hash: bytes,
        change: Callable[[User], Changed],
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            await self._changed(unit, user_id, change)
            if not await unit.fetch(_REPLACE_HASH, user_id, was, password_hash):
                raise errors.Conflict("the password was changed meanwhile; try again")

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def delete(
        self, user_id: str, change: Callable[[User], UserEvent], erasing: Erasing
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            user = await _locked(unit, user_id)
            event = change(user)
            await self._check_admins(unit, user, None)
            await erasing.erase(unit, user, event.occurred_at)
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (user_id,)))
            for write in ended(user, event, self._totp_required_of):
                unit.write(write)

        await transaction(self._pool, work, completes_call=True)
        self._wake()


async def _locked(unit: UnitOfWork, user_id: str) -> User:
    rows = await unit.lock(USERS, _LOCK, user_id)
    return to_user(rows[0] if rows else None)


@contextmanager
def _named() -> Iterator[None]:
    """Translates the one constraint that callers can violate."""
    try:
        with translated():
            yield
    except asyncpg.UniqueViolationError as error:
        raise EmailTaken("another account has this e-mail", field="email") from error
