"""The feed in PostgreSQL: what is in it, in which order, and how long."""

import asyncio
import uuid
from collections.abc import Awaitable
from datetime import timedelta

import asyncpg

from server.kit import errors
from server.kit.context import Role
from server.kit.postgres import Pool, connected, migrate
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.local.engines.postgres import EmbeddedPostgres
from server.user.accounts.rules import Status
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.events.encoding import to_outbox
from server.user.revocations import rows
from server.user.revocations.rows import Entry
from server.user.revocations.rules import Revocation, session_ended, sessions_ended
from server.user.revocations.store import PostgresFeedStore
from tests.server.conftest import NewDatabase
from tests.server.user.samples import ERASING, become, end, opened


async def head(store: PostgresFeedStore) -> int:
    position = 0
    while entries := await store.since(position):
        position = entries[-1].position
    return position


def ended() -> Revocation:
    return session_ended(str(uuid.uuid4()), str(uuid.uuid4()))


async def test_entries_come_back_as_they_were_left(
    pool: Pool, feed_store: PostgresFeedStore
) -> None:
    user_id, before = str(uuid.uuid4()), await head(feed_store)
    told = [
        ended(),
        Revocation(user_id, account_version=2, ends_sessions=True),
        sessions_ended(user_id, 3, Role.STAFF, str(uuid.uuid4())),
    ]
    await write(pool, [rows.append(told)])
    found = await feed_store.since(before)
    assert [each.revocation for each in found] == told
    assert sorted(each.position for each in found) == [each.position for each in found]
    assert await feed_store.since(found[0].position) == found[1:]
    assert await feed_store.since(found[-1].position) == []


async def test_an_act_and_its_entry_are_one_transaction(
    pool: Pool, feed_store: PostgresFeedStore
) -> None:
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
    account, before = opened(role=Role.STAFF), await head(feed_store)
    user_id = account.user.id
    await accounts.create(account, None, None, b"")
    await accounts.update(user_id, lambda was: become(was, full_name="Ann Other"))
    assert await feed_store.since(before) == []
    await accounts.update(user_id, lambda was: become(was, role=Role.CUSTOMER))
    await accounts.update(user_id, lambda was: become(was, status=Status.DISABLED))
    await accounts.update(user_id, lambda was: become(was, status=Status.ACTIVE))
    await accounts.delete(user_id, end, ERASING)
    assert [each.revocation for each in await feed_store.since(before)] == [
        Revocation(user_id, account_version=3, role=Role.CUSTOMER),
        Revocation(user_id, account_version=4, ends_sessions=True),
        Revocation(user_id, account_version=5, role=Role.CUSTOMER),
        Revocation(user_id, account_version=6, ends_sessions=True),
    ]


async def late_and_early(pool: Pool, store: PostgresFeedStore) -> list[list[Entry]]:
    """What a reader gets, one look after another, while the first of two writers is slow."""
    before, begun, may_commit = await head(store), asyncio.Event(), asyncio.Event()

    async def slow(unit: UnitOfWork) -> None:
        unit.write(rows.append([ended()]))
        await unit.flush()
        begun.set()
        await may_commit.wait()

    async def quick() -> None:
        await write(pool, [rows.append([ended()])])

    async with asyncio.TaskGroup() as writers:
        writers.create_task(transaction(pool, slow))
        await begun.wait()
        second = writers.create_task(quick())
        await asyncio.wait((second,), timeout=0.3)
        seen = [list(await store.since(before))]
        may_commit.set()
    last = seen[0][-1].position if seen[0] else before
    return [*seen, list(await store.since(last))]


async def test_who_has_read_a_position_misses_no_smaller_one(
    pool: Pool, feed_store: PostgresFeedStore
) -> None:
    first, then = await late_and_early(pool, feed_store)
    assert len(first) + len(then) == 2


async def test_without_the_trigger_one_would_be_missed(
    new_database: NewDatabase, postgres: EmbeddedPostgres
) -> None:
    settings = await new_database("user")
    name = settings.database_url.rpartition("/")[2].partition("?")[0]
    owner = await asyncpg.connect(
        migrate.dsn(postgres.admin_dsn, f"{name}_owner", "owner-password", name)
    )
    await owner.execute("ALTER TABLE revocations DISABLE TRIGGER take_revocations_turn")
    await owner.close()
    async with connected(settings) as pool:
        first, then = await late_and_early(pool, PostgresFeedStore(pool))
    assert len(first) + len(then) == 1


async def test_a_process_that_hangs_holds_the_others_up_for_seconds(
    pool: Pool, feed_store: PostgresFeedStore
) -> None:
    before, begun, released = await head(feed_store), asyncio.Event(), asyncio.Event()

    async def hanging(unit: UnitOfWork) -> None:
        unit.write(rows.append([ended()]))
        await unit.flush()
        begun.set()
        await released.wait()

    async def waiting() -> None:
        await begun.wait()
        await write(pool, [rows.append([ended()])])  # or it takes longer than any statement may
        released.set()

    async with asyncio.TaskGroup() as both:
        cut_off = both.create_task(refusal_of(transaction(pool, hanging)))
        both.create_task(waiting())
    assert await cut_off == "UNAVAILABLE"
    assert len(await feed_store.since(before)) == 1


async def refusal_of(work: Awaitable[None]) -> str:
    try:
        await work
    except errors.EmporiumError as error:
        return error.reason
    return ""


async def test_what_is_old_is_trimmed(pool: Pool, feed_store: PostgresFeedStore) -> None:
    before = await head(feed_store)
    await write(pool, [rows.append([ended(), ended()])])
    await feed_store.trim(timedelta(minutes=1))
    assert len(await feed_store.since(before)) == 2
    assert await feed_store.trim(timedelta(0)) >= 2
    assert await feed_store.since(0) == []
    await write(pool, [rows.append([ended()])])
    [left] = await feed_store.since(0)
    assert left.position > before + 2  # positions are not used again
