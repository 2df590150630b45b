"""An erasure that is interrupted, or meets writers at the same moment, leaves nothing."""

import asyncio
import signal
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.kit.context import Key
from server.kit.postgres import Pool
from server.kit.postgres.idempotency import write_once
from server.order.app.webhooks import forgetting
from server.order.events.anonymous import anonymous
from server.order.orders.rules import BuyerErased
from server.order.orders.store.erasing import PersonalOrders
from server.order.orders.store.orders import PostgresOrderStore
from server.order.personal_data import store as erasing
from server.order.personal_data.store import PostgresErasureStore
from server.settings import Postgres
from tests.server.order.samples import many, placed
from tests.waiting import until

WHEN = datetime(2026, 5, 17, 12, tzinfo=UTC)
LATER = datetime(2026, 5, 18, 12, tzinfo=UTC)


def erasures(pool: Pool) -> PostgresErasureStore:
    return PostgresErasureStore(pool, PersonalOrders(pool, "order", anonymous, forgetting()))


async def left(pool: Pool, user_id: str) -> tuple[int, int]:
    """How many orders still have the buyer, and how many are without any."""
    row = await pool.fetchrow(
        "SELECT count(*) FILTER (WHERE user_id = $1), count(*) FILTER (WHERE user_id IS NULL)"
        " FROM orders",
        user_id,
    )
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(("steps", "done"), [(0, 0), (1, 500), (2, 1_000)])
async def test_a_killed_erasure_is_gone_on_with_and_counts_nothing_twice(
    order_database: Postgres, orders: PostgresOrderStore, order_pool: Pool, steps: int, done: int
) -> None:
    user_id = str(uuid.uuid4())
    await asyncio.gather(*(orders.create(each, None, b"") for each in many(1_203, user_id=user_id)))
    _, before = await left(order_pool, user_id)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.order.personal_data.erasing_process"),
        *(order_database.database_url, user_id, str(steps)),
    )
    assert await process.wait() == -signal.SIGKILL
    assert await left(order_pool, user_id) == (1_203 - done, before + done)
    receipt = await erasures(order_pool).erase(user_id, WHEN, LATER)
    assert receipt.erased == {
        "orders": 1_203,
        "order_moves": 0,
        "order_notes": 0,
        "first_answers": 0,
        "waiting_events": 1_203,
        "kept_events": 0,
    }
    assert receipt.completed_at == LATER
    assert await left(order_pool, user_id) == (0, before + 1_203)


async def placed_while(pool: Pool, store: PostgresOrderStore, user_id: str) -> int:
    """Erases while many orders are being placed; how many of them have the buyer still."""
    rounds = 8
    outcomes = await asyncio.gather(
        *(orders_one_by_one(store, user_id, 10) for _ in range(rounds)),
        erasures(pool).erase(user_id, WHEN, LATER),
    )
    assert sum(each for each in outcomes[:rounds] if isinstance(each, int)) < 10 * rounds
    return (await left(pool, user_id))[0]


async def orders_one_by_one(store: PostgresOrderStore, user_id: str, count: int) -> int:
    kept = 0
    for _ in range(count):
        try:
            await store.create(placed(user_id=user_id), None, b"")
        except BuyerErased:
            continue
        kept += 1
    return kept


async def test_an_order_that_is_placed_at_the_same_moment_is_erased_or_refused(
    orders: PostgresOrderStore, order_pool: Pool
) -> None:
    for _ in range(5):
        assert await placed_while(order_pool, orders, str(uuid.uuid4())) == 0


async def slow(pool: Pool, user_id: str, begun: asyncio.Event, go_on: asyncio.Event) -> None:
    """Places an order, and commits when it may."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price,
                                tax, total_price, order_date, created_at, updated_at, version)
            VALUES (gen_random_uuid(), $1, 'PENDING', 'GBP', 0, 0, 0, 0, 0, now(), now(), now(), 1)
            """,
            user_id,
        )
        begun.set()
        await go_on.wait()


@pytest.mark.parametrize("kept", [0, 1], ids=["as it is", "without waiting: the control"])
async def test_an_order_that_is_not_committed_yet_is_waited_for(
    order_pool: Pool, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    if kept:
        monkeypatch.setattr(erasing, "_WAIT_FOR_WRITERS", "SELECT 1")
    user_id = str(uuid.uuid4())
    begun, go_on = asyncio.Event(), asyncio.Event()
    writer = asyncio.create_task(slow(order_pool, user_id, begun, go_on))
    await begun.wait()
    eraser = asyncio.create_task(erasures(order_pool).erase(user_id, WHEN, LATER))
    if kept:
        await eraser
    else:
        await waits_for_a_lock(order_pool)
    go_on.set()
    await asyncio.gather(writer, eraser)
    assert (await left(order_pool, user_id))[0] == kept


async def waits_for_a_lock(pool: Pool) -> None:
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """

    async def waits() -> bool:
        return bool(await pool.fetchval(waiting))

    await until(waits)


async def test_the_answer_to_a_call_that_was_under_way_is_swept(order_pool: Pool) -> None:
    late, long_ago, nobody = (str(uuid.uuid4()) for _ in range(3))
    store = erasures(order_pool)
    await store.erase(late, LATER, LATER)
    await store.erase(long_ago, WHEN - timedelta(days=1), LATER)
    for caller in (late, long_ago, nobody):
        key = Key(caller, "CreateProduct", "late", b"body")
        await write_once(order_pool, [], key, b"answer")
    await store.sweep(LATER)
    kept = "SELECT caller FROM idempotency_keys WHERE key = 'late'"
    assert {row[0] for row in await order_pool.fetch(kept)} == {long_ago, nobody}
    assert (await store.erase(late, LATER, LATER)).erased["first_answers"] == 1


async def test_a_step_is_bounded(
    orders: PostgresOrderStore, order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_STEP_MAX", 2)
    user_id = str(uuid.uuid4())
    for each in many(5, user_id=user_id):
        await orders.create(each, None, b"")
    receipt = await erasures(order_pool).erase(user_id, WHEN, LATER)
    assert receipt.erased == {
        "orders": 5,
        "order_moves": 0,
        "order_notes": 0,
        "first_answers": 0,
        "waiting_events": 5,
        "kept_events": 0,
    }
