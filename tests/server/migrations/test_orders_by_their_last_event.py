"""Figures that an event which never came had made wrong are right after the step to `orders`."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from server.analytics.migrations import mongo as history
from server.analytics.sales.rules import Figures, OrderEvent, Period, State
from server.analytics.sales.store import MongoSalesStore
from server.kit import mongo as kit_mongo
from server.kit.mongo import Database, Document
from server.kit.mongo.migrate import downgrade, upgrade
from server.kit.mongo.moments import from_microseconds
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo

BEFORE = "0005_events_to_the_microsecond"
DAY = datetime(2010, 12, 1, 8, 26, 0, 5_000, UTC)  # MongoDB's dates end at the millisecond
LONG_AGO = datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)


@asynccontextmanager
async def before_the_step(mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    name = f"emporium_history_{uuid.uuid4().hex[:8]}"
    async with kit_mongo.connected(Mongo(mongodb_uri=mongo.uri, mongodb_database=name)) as database:
        await upgrade(database, history, BEFORE)
        yield database


def events(*kinds: str, total: str = "10.10", day: datetime = DAY) -> list[Document]:
    """Marks of events of one order, as they were kept before."""
    same = {
        "order_id": uuid.uuid4(),
        "user_id": uuid.uuid4(),
        "order_date": day,
        "total_price": Decimal128(total),
        "currency": "GBP",
        "units": 2,
        "was_cancelled": False,
        "occurred_at": day,
        "recorded_at": DAY,
    }
    return [{"_id": uuid.uuid4(), "kind": kind, **same} for kind in kinds]


def day_of(day: datetime, **figures: Any) -> Document:
    nothing = Decimal128("0")
    amounts = dict.fromkeys(("gross", "cancelled", "refunded"), nothing)
    counts = dict.fromkeys(("orders", "units", "cancelled_orders", "refunded_orders"), 0)
    return {"_id": f"GBP:{day.date()}", **counts, **amounts, **figures}


async def reported(database: Database) -> dict[str, Figures]:
    days = await MongoSalesStore(database).days("GBP", Period(), 100)
    return {day.day.isoformat(): day.sales for day in days if day.sales}


TEN = Decimal("10.10")
RIGHT = {
    "1969-12-31": Figures(1, 2, Decimal("0.01")),
    "2010-12-01": Figures(
        3,
        6,
        3 * TEN,
        cancelled_orders=1,
        cancelled=TEN,
        refunded_orders=1,
        refunded=TEN,
        captured=TEN,
        paid_back=TEN,
    ),
}
# Before 0009 nothing was counted of payments.
RIGHT_BEFORE = {
    day: replace(figures, captured=Decimal(0), paid_back=Decimal(0))
    for day, figures in RIGHT.items()
}


async def fill(database: Database) -> None:
    """Five orders, of which two lack an event, and what the old sums had made of them."""
    orders = [
        events("PLACED"),
        events("REFUNDED", "PLACED"),
        events("CANCELLED"),  # whose PLACED was skipped
        events("DELETED"),  # and so was this one's
        events("PLACED", total="0.01", day=LONG_AGO),
    ]
    marks = [mark for order in orders for mark in order]
    await database.collection("order_events").insert_many(marks)
    wrong = day_of(DAY, orders=1, units=2, gross=Decimal128("10.10"), cancelled_orders=1)
    gone = day_of(datetime(2011, 1, 1, tzinfo=UTC), orders=-1, units=-2)
    await database.collection("sales_daily").insert_many([wrong, gone])


async def test_figures_are_counted_anew_from_what_became_of_each_order(
    mongo: EmbeddedMongo,
) -> None:
    async with before_the_step(mongo) as database:
        await fill(database)
        assert await reported(database) != RIGHT
        await upgrade(database, history)
        assert await reported(database) == RIGHT
        kept = [each async for each in database.collection("orders").find({})]
        dates = {from_microseconds(each["order_date"]) for each in kept}
        assert dates == {from_microseconds(each["occurred_at"]) for each in kept} == {DAY, LONG_AGO}


async def test_an_upgrade_that_was_interrupted_comes_to_the_same(mongo: EmbeddedMongo) -> None:
    async with before_the_step(mongo) as database:
        await fill(database)
        for step in ("0006_orders", "0009_captured_and_refunded"):
            await upgrade(database, history, step)
            await database.collection("schema_steps").delete_one({"_id": step})
            assert (await upgrade(database, history, step))[-1] == step
        assert await reported(database) == RIGHT


async def test_a_later_event_of_an_old_order_is_taken_and_an_earlier_one_is_not(
    mongo: EmbeddedMongo,
) -> None:
    (mark,) = events("CANCELLED")
    async with before_the_step(mongo) as database:
        await database.collection("order_events").insert_one(mark)
        await upgrade(database, history)
        store = MongoSalesStore(database)
        edited = OrderEvent(
            id=str(uuid.uuid4()),
            order_id=str(mark["order_id"]),
            version=3,  # which the step cannot know: it takes the cancellation for the second
            state=State.PLACED,
            user_id=str(mark["user_id"]),
            order_date=DAY,
            total_price=TEN,
            currency="GBP",
            units=2,
            occurred_at=DAY,
        )
        assert await store.record([edited]) == 0
        (figures,) = (await reported(database)).values()
        assert figures.cancelled_orders == 1
        assert await store.record([replace(edited, state=State.DELETED, version=5)]) == 1
        assert await reported(database) == {}


async def test_the_way_back_marks_the_last_event_of_each_order(mongo: EmbeddedMongo) -> None:
    async with before_the_step(mongo) as database:
        await fill(database)
        marks = [each async for each in database.collection("order_events").find({})]
        await upgrade(database, history)
        await downgrade(database, history, BEFORE)
        back = [each async for each in database.collection("order_events").find({})]
        assert len(back) == len({each["order_id"] for each in marks})
        assert all(each in marks for each in back)
        assert await reported(database) == RIGHT_BEFORE
