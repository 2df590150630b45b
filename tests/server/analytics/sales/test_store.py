"""Orders' events in MongoDB: each counts once, whatever happens on the way."""

import asyncio
import random
import signal
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.analytics.migrations import mongo as migrations
from server.analytics.sales.rules import Figures, OrderEvent, Period, State
from server.analytics.sales.store import MongoSalesStore
from server.kit import errors
from server.kit import mongo as kit_mongo
from server.kit.mongo.moments import from_microseconds
from server.local.engines.mongo import EmbeddedMongo
from server.services import ANALYTICS
from server.settings import Mongo
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.sales.histories import FIRST, became, folded, lives, placed


async def figures(store: MongoSalesStore, currency: str) -> dict[date, Figures]:
    return {day.day: day.sales for day in await store.days(currency, Period(), 100) if day.sales}


async def test_a_batch_counts_once_however_often_it_is_sent(
    sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    batch = [placed(new_currency(), total="10.10")] * 2
    assert [await sales.record(batch) for _ in range(3)] == [1, 0, 0]
    assert await figures(sales, batch[0].currency) == {
        FIRST.date(): Figures(orders=1, units=2, gross=Decimal("10.10"))
    }


async def test_days_come_in_order_within_the_period_and_the_currency(
    sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    currency, other = new_currency(), new_currency()
    batch = [placed(currency, days=days) for days in (3, 0, 2, 1)] + [placed(other)]
    assert await sales.record(batch) == 5
    one, two = FIRST.date() + timedelta(days=1), FIRST.date() + timedelta(days=2)
    listed = await sales.days(currency, Period(one, two), 100)
    assert [day.day for day in listed] == [one, two]
    assert len(await sales.days(currency, Period(None, two), 100)) == 3
    assert len(await sales.days(currency, Period(one, None), 100)) == 3


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=lives(), data=st.data())
async def test_whatever_is_lost_repeated_and_late_the_last_that_came_of_an_order_counts(
    sales: MongoSalesStore,
    new_currency: NewCurrency,
    history: list[OrderEvent],
    data: st.DataObject,
) -> None:
    currency = new_currency()
    # Each example runs on the same store, so its orders are given ids of their own.
    own = {event.order_id: str(uuid.uuid4()) for event in history}
    fresh = [replace(event, currency=currency, order_id=own[event.order_id]) for event in history]
    arrived = data.draw(st.lists(st.sampled_from(fresh), max_size=30)) if fresh else []
    sent = arrived
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        await sales.record(sent[:size])
        sent = sent[size:]
    assert await figures(sales, currency) == folded(arrived)
    # Nothing is left of what was missed once the last event of an order has come.
    await sales.record(data.draw(st.permutations(last_versions(fresh))))
    assert await figures(sales, currency) == folded(fresh)


def last_versions(events: Sequence[OrderEvent]) -> list[OrderEvent]:
    by_version = sorted(events, key=lambda event: event.version)
    return [*{event.order_id: event for event in by_version}.values()]


async def test_an_order_is_kept_to_the_microsecond(
    database: kit_mongo.Database, sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    moment = datetime(2010, 12, 1, 8, 26, 0, 123_457, UTC)
    event = replace(placed(new_currency()), order_date=moment, occurred_at=moment)
    await sales.record([event])
    kept = await database.collection("orders").find_one({"_id": uuid.UUID(event.order_id)})
    assert from_microseconds(kept["order_date"]) == moment
    assert from_microseconds(kept["occurred_at"]) == moment


async def test_racing_batches_count_each_event_once(
    database: kit_mongo.Database, new_currency: NewCurrency
) -> None:
    # As many stores as batches, as if each were in a process of its own.
    currency = new_currency()
    history = [placed(currency, total=f"{n}.01", days=n % 3) for n in range(60)]
    # Identical batches, and batches that only overlap, all at once.
    batches = [history[:40]] * 4 + [history[20:]] * 4
    racers = [(MongoSalesStore(database), batch) for batch in batches]
    recorded = await asyncio.gather(*(store.record(batch) for store, batch in racers))
    assert sum(recorded) == len(history)
    assert await figures(racers[0][0], currency) == folded(history)


async def test_batches_of_one_process_all_get_their_turn(
    sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    history = [placed(currency) for _ in range(40)]
    recorded = await asyncio.gather(*(sales.record([event]) for event in history * 2))
    assert sum(recorded) == len(history)
    assert await figures(sales, currency) == folded(history)


async def test_a_batch_with_an_event_that_cannot_be_kept_leaves_nothing_behind(
    sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    good = placed(currency)
    bad = replace(placed(currency), currency="not a currency")
    with pytest.raises(Exception, match="failed validation"):
        await sales.record([good, bad])
    assert await figures(sales, currency) == {}
    assert await sales.record([good]) == 1


async def test_a_caller_that_hangs_up_holds_nobody_up(
    sales: MongoSalesStore, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    history = [placed(currency) for _ in range(20)]
    for hurry_seconds in (0.001, 0.003, 0.005, 0.008, 0.012):
        hung_up = asyncio.create_task(sales.record(history))
        await asyncio.wait({hung_up}, timeout=hurry_seconds)
        hung_up.cancel()
        await asyncio.wait({hung_up})
    async with asyncio.timeout(20):  # a transaction that was left open would block for 60 s
        await sales.record(history)
    assert await figures(sales, currency) == folded(history)


async def test_nothing_is_lost_or_doubled_when_mongod_is_killed_again_and_again(
    engines_folder: Path,
) -> None:
    orders = [placed("GBP", total=f"{n}.99", days=n % 2) for n in range(300)]
    history = [each for order in orders for each in (order, became(order, State.CANCELLED))]
    batches = [history[start : start + 10] for start in range(0, len(history), 10)]
    random.Random(1).shuffle(batches)
    async with EmbeddedMongo(engines_folder / "killed") as own:
        await migrations.upgrade(own.uri)
        settings = Mongo(
            mongodb_uri=own.uri, mongodb_database=ANALYTICS.mongo, mongodb_timeout_seconds=2
        )
        async with kit_mongo.connected(settings) as database:
            store = MongoSalesStore(database)
            senders = [_send_until_counted(store, batches[n::3]) for n in range(3)]
            sending = asyncio.gather(*senders)
            kills = 0
            while not sending.done() and kills < 3:
                await asyncio.wait({sending}, timeout=0.05)
                own.child.send(signal.SIGKILL)
                await own.child.wait()
                await own.start()
                kills += 1
            await sending
            assert kills > 1
            assert await store.record(history[:500]) == 0
            reported = [day.sales for day in await store.days("GBP", Period(), 100)]
    assert sum(day.orders for day in reported) == 300
    assert sum(day.cancelled_orders for day in reported) == 300
    assert sum(day.gross for day in reported) == sum(Decimal(f"{n}.99") for n in range(300))
    assert all(day.gross == day.cancelled for day in reported)


async def _send_until_counted(
    store: MongoSalesStore, batches: Sequence[Sequence[OrderEvent]]
) -> None:
    """As the outbox does: at least once, until the answer says that it is counted."""
    for batch in batches:
        while True:
            try:
                await store.record(batch)
            except (errors.Unavailable, errors.DeadlineExceeded, errors.Conflict):
                await asyncio.sleep(0.02)
            else:
                break
