"""Orders' events and daily figures in MongoDB.

    order_events   one document an event; its `_id` marks it as counted
    sales_daily    one document for each currency and day, `_id` "GBP:2010-12-01"

Marks and figures change in one transaction. Of two transactions with the same event, one conflicts
with the other's mark, is aborted by the server, and finds the event counted when it is retried.

Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when it is
too slow. A write may then have happened, but never half of it.
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


class SalesStore(Protocol):
    """Events of orders, and the daily figures derived from them."""

    async def record(self, events: Sequence[OrderEvent]) -> int:
        """Counts each event that was not counted before, all of them or none.

        Returns how many were new. An id counts once, however often it arrives: in this batch, in
        earlier ones, and in concurrent ones, of this process and of others. Raises `Conflict`
        when every attempt conflicted with a concurrent one.
        """

    async def days(self, currency: str, period: Period) -> Sequence[SalesDay]:
        """The days that have figures, in order of time."""


class MongoSalesStore:
    """A `SalesStore` on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database.collection("order_events")
        self._days = database.collection("sales_daily")
        # Batches nearly always touch the same days, so those of one process take turns: ten times
        # as fast as letting the server abort all but one (two cores, Debian 12, November 2026).
        # Conflicts between processes remain.
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

    async def days(self, currency: str, period: Period) -> Sequence[SalesDay]:
        first, last = period.first or date.min, period.last or date.max
        wanted = {"$gte": _id(SalesKey(currency, first)), "$lte": _id(SalesKey(currency, last))}
        with self._database.limited():
            return [_day(found) async for found in self._days.find({"_id": wanted}).sort("_id")]


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
    # Always in the same order, so that conflicts show early and are rare.
    return [
        UpdateOne({"_id": _id(key)}, {"$inc": _increments(figures)}, upsert=True)
        for key, figures in sorted(effects(events).items())
    ]


def _increments(figures: Figures) -> Document:
    """All figures, zeros included, so that each document has every field."""
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
