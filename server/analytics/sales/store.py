"""Orders' events and daily figures in MongoDB.

    order_events   one document an event; its `_id` is the mark that it has been counted
    sales_daily    one document for each currency and day, `_id` "GBP:2010-12-01"

Marks and figures change in one transaction. Of two transactions that carry the same event, one
meets the other's mark, is thrown away by the server, and finds the event counted when it tries
again.

Every method raises `Unavailable` when the database is away and `DeadlineExceeded` when it is too
slow. Then nothing is half-written, but the whole may have been.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

from bson.decimal128 import Decimal128
from pymongo import UpdateOne

from server.analytics.sales.rules import Figures, OrderEvent, Period, SalesDay, SalesKey, effects
from server.kit.mongo import Database, Document, Session, translated
from server.kit.turns import in_turns


class SalesStore(Protocol):
    """What became of orders, and the daily figures that follow from it."""

    async def record(self, events: Sequence[OrderEvent]) -> int:
        """Counts each event that was not counted before, all of them or none.

        Gives how many were new. An id counts once, however often it comes: in this batch, in
        batches before, and in batches under way at the same time, here and in other processes.
        Raises `Conflict` when those keep getting in each other's way.
        """

    async def days(self, currency: str, period: Period, count_max: int) -> Sequence[SalesDay]:
        """The days that have figures, in order of time, and no more than `count_max`."""


class MongoSalesStore:
    """A `SalesStore` on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database.collection("order_events")
        self._days = database.collection("sales_daily")
        # Batches nearly always touch the same days. Those of one process take turns, which is ten
        # times as fast as letting the server throw all but one away; only processes still meet.
        self._turn = asyncio.Lock()

    async def record(self, events: Sequence[OrderEvent]) -> int:
        by_id = {event.id: event for event in events}

        async def count(session: Session) -> int:
            known = self._events.find({"_id": {"$in": [*by_id]}}, {"_id": 1}, session=session)
            counted = {mark["_id"] async for mark in known}
            new = [event for event in by_id.values() if event.id not in counted]
            if new:
                await self._events.insert_many(_marks(new), session=session)
                await self._days.bulk_write(_additions(new), ordered=False, session=session)
            return len(new)

        async with self._turn:
            with translated():
                return await self._database.transaction(count)

    async def days(self, currency: str, period: Period, count_max: int) -> Sequence[SalesDay]:
        first, last = period.first or date.min, period.last or date.max
        wanted = {"$gte": _id(SalesKey(currency, first)), "$lte": _id(SalesKey(currency, last))}
        with self._database.limited():
            found = self._days.find({"_id": wanted}).sort("_id").limit(count_max)
            return await in_turns(await found.to_list(count_max), _day)


def _marks(events: Iterable[OrderEvent]) -> list[Document]:
    now = datetime.now(UTC)
    return [{**_document(event), "recorded_at": now} for event in events]


def _document(event: OrderEvent) -> Document:
    return {
        "_id": event.id,
        "kind": event.kind.value,
        "order_id": event.order_id,
        "user_id": event.user_id,
        "order_date": event.order_date,
        "total_price": Decimal128(event.total_price),
        "currency": event.currency,
        "units": event.units,
        "was_cancelled": event.was_cancelled,
        "occurred_at": event.occurred_at,
    }


def _additions(events: Iterable[OrderEvent]) -> list[UpdateOne]:
    # In one order for everybody, so that transactions meet early and seldom.
    return [
        UpdateOne({"_id": _id(key)}, {"$inc": _increments(figures)}, upsert=True)
        for key, figures in sorted(effects(events).items())
    ]


def _increments(figures: Figures) -> Document:
    """All figures, also those of nothing, so that each document has every field."""
    return {name: _kept(value) for name, value in asdict(figures).items()}


def _kept(value: Any) -> Any:
    return Decimal128(value) if isinstance(value, Decimal) else value


def _id(key: SalesKey) -> str:
    return f"{key.currency}:{key.day.isoformat()}"


def _day(found: Document) -> SalesDay:
    day = date.fromisoformat(found.pop("_id").partition(":")[2])
    return SalesDay(day, Figures(**{name: _read(value) for name, value in found.items()}))


def _read(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value
