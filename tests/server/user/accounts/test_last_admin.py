"""There is always an admin, whatever admins do to each other at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from server.kit import postgres
from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.accounts.rules import Status, User
from server.user.accounts.rules.admins import LastAdmin
from server.user.accounts.store import accounts as stores
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.events.encoding import to_outbox
from tests.server.conftest import NewDatabase
from tests.server.user.samples import ASKING, ERASING, HASH, become, end, opened
from tests.waiting import until

Take = Callable[[PostgresUserStore, User], Awaitable[object]]

WAYS: dict[str, Take] = {
    "demoted": lambda store, user: store.update(user.id, lambda was: become(was, role=Role.STAFF)),
    "disabled": lambda store, user: store.update(
        user.id, lambda was: become(was, status=Status.DISABLED)
    ),
    "deleted": lambda store, user: store.delete(user.id, end, ERASING),
    "by key": lambda store, user: store.update_once(
        user.id, lambda was: become(was, role=Role.CUSTOMER), None, lambda _: b"", ASKING
    ),
}
ACTING = "SELECT count(*) FROM users WHERE role = 'ADMIN' AND status = 'ACTIVE'"
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_pool(new_database: NewDatabase) -> AsyncIterator[Pool]:
    """A database where nobody else makes admins."""
    async with postgres.connected(await new_database("user")) as pool:
        yield pool


@pytest_asyncio.fixture
async def own(own_pool: Pool) -> PostgresUserStore:
    await own_pool.execute("DELETE FROM users")
    return PostgresUserStore(own_pool, encode=to_outbox, wake=lambda: None)


async def admin(
    store: PostgresUserStore, password_hash: bytes | None = HASH, **fields: Any
) -> User:
    new = opened(role=Role.ADMIN, **fields)
    await store.create(new, password_hash, None, b"")
    return new.user


@pytest.mark.parametrize("how", WAYS)
async def test_the_last_admin_stays(own: PostgresUserStore, how: str) -> None:
    last = await admin(own)
    await admin(own, status=Status.DISABLED)  # is none
    await admin(own, password_hash=None)  # cannot sign in
    with pytest.raises(LastAdmin):
        await WAYS[how](own, last)
    assert await own.get(last.id) == last

    other = await admin(own)
    await WAYS[how](own, last)
    with pytest.raises(LastAdmin):
        await WAYS[how](own, other)


@pytest.mark.parametrize("how", WAYS)
async def test_where_admins_need_a_second_factor_the_last_one_who_has_it_stays(
    own_pool: Pool, own: PostgresUserStore, how: str
) -> None:
    guarded = PostgresUserStore(own_pool, to_outbox, lambda: None, [Role.ADMIN])
    last = await admin(own, totp_enabled=True)
    other = await admin(own)
    with pytest.raises(LastAdmin, match=r"with a password and a second factor$"):
        await WAYS[how](guarded, last)

    await WAYS[how](guarded, other)  # whom nobody misses
    await admin(own, totp_enabled=True)
    await WAYS[how](guarded, last)


async def test_but_for_what_it_takes_to_act_one_without_a_password_would_do(
    own: PostgresUserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    by_role = "SELECT FROM users WHERE role = 'ADMIN' AND id <> $1 AND $2::boolean IS NOT NULL"
    monkeypatch.setattr(stores, "_ANOTHER_ADMIN", by_role)
    last = await admin(own)
    await admin(own, password_hash=None)
    await WAYS["deleted"](own, last)


async def test_where_no_admin_can_act_none_goes(own: PostgresUserStore) -> None:
    """The operator makes one who can, or the mail of a forgotten password does."""
    one, _ = [await admin(own, password_hash=None) for _ in range(2)]
    with pytest.raises(LastAdmin):
        await WAYS["deleted"](own, one)
    await admin(own)
    await WAYS["deleted"](own, one)


async def test_the_last_admin_may_change_what_makes_no_difference(own: PostgresUserStore) -> None:
    last = await admin(own)
    changed = await own.update(last.id, lambda was: become(was, full_name="Ada Other"))
    assert changed.full_name == "Ada Other"


@pytest.mark.parametrize("how", WAYS)
async def test_of_two_at_once_one_is_refused(
    own: PostgresUserStore, own_pool: Pool, how: str
) -> None:
    outcomes = await both_at_once(own, own_pool, how)
    assert sum(isinstance(outcome, LastAdmin) for outcome in outcomes) == 1
    assert await own_pool.fetchval(ACTING) == 1


async def test_it_is_the_turn_that_keeps_one(
    own: PostgresUserStore, own_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without it each sees the other as the one who stays."""
    monkeypatch.setattr(stores, "_TAKE_ADMINS_TURN", "SELECT 1")
    outcomes = await both_at_once(own, own_pool, "demoted")
    assert not any(isinstance(outcome, LastAdmin) for outcome in outcomes)
    assert await own_pool.fetchval(ACTING) == 0


async def both_at_once(store: PostgresUserStore, pool: Pool, how: str) -> list[object]:
    """Takes both admins away, neither of them committed before the other has looked around."""
    admins = [await admin(store) for _ in range(2)]
    async with pool.acquire() as connection:
        held = connection.transaction()
        await held.start()
        await connection.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")  # behind the last look
        taking = [asyncio.ensure_future(WAYS[how](store, each)) for each in admins]

        async def both_wait() -> bool:
            waiting: int = await pool.fetchval(WAITING)
            return waiting == 2

        try:
            await until(both_wait)
        finally:
            await held.rollback()
    outcomes: list[object] = await asyncio.gather(*taking, return_exceptions=True)
    assert all(isinstance(each, User | LastAdmin | bytes | None) for each in outcomes), outcomes
    return outcomes
