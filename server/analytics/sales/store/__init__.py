"""Orders and daily figures in MongoDB.

    orders        one document an order, as the last of its events told of it; deleted ones too;
                  without `user_id` once the buyer was erased
    sales_daily   one document for each currency and day, `_id` "GBP:2010-12-01"

Both change in one transaction. Of two transactions with events of the same order, one conflicts
with the other, is aborted by the server, and finds what the other has written when it is retried.

Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when it is
too slow. A write may then have happened, but never half of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from bson.decimal128 import Decimal128
from pymongo import InsertOne, ReplaceOne, UpdateOne

from server.analytics.sales import rules
from server.analytics.sales.rules import (
    Figures,
    OrderEvent,
    Orders,
    Period,
    SalesDay,
    SalesKey,
    State,
)
from server.kit.exporting import RECORDS_MAX, Held
from server.kit.mongo import Database, Document, Session, translated
from server.kit.mongo.erasing import erased_among
from server.kit.mongo.moments import from_microseconds, to_microseconds
from server.kit.turns import in_turns

_NOTHING = Decimal128("0")  # of an order that a process of before has written


class SalesStore(Protocol):
    """Orders as their events tell of them, and the daily figures derived from them."""

    async def record(self, events: Sequence[OrderEvent]) -> int:
        """Has each order count as the last of its events says, all of `events` or none.

        Returns how many came after what was known of their orders; the others change nothing. So
        it does not matter in which order and how often events arrive, or which never do: in this
        batch, in earlier ones, and in concurrent ones, of this process and of others. Raises
        `Conflict` when every attempt conflicted with a concurrent one. The buyers who were erased
        are not kept.
        """

    async def days(self, currency: str, period: Period, count_max: int) -> Sequence[SalesDay]:
        """The days that have figures, in order of time, and no more than `count_max`."""

    async def export(self, user_id: str, page_token: str) -> Held:
        """The user's orders, in the order of their ids. Raises `InvalidPageToken`."""


class MongoSalesStore:
    """A `SalesStore` on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders = database.collection("orders")
        self._days = database.collection("sales_daily")
        # Batches nearly always touch the same days, so those of one process take turns: ten times
        # as fast as letting the server abort all but one (two cores, Debian 12, November 2026).
        # Conflicts between processes remain.
        self._turn = asyncio.Lock()

    async def record(self, events: Sequence[OrderEvent]) -> int:
        ids = [UUID(order_id) for order_id in {event.order_id for event in events}]
        buyers = {event.user_id for event in events}

        async def count(session: Session) -> int:
            found = self._orders.find({"_id": {"$in": ids}}, session=session)
            known = [_event(document) async for document in found]
            before = {event.order_id: event for event in known}
            news = rules.news(events, before)
            if not news:
                return 0
            news = rules.anonymous(news, await erased_among(self._database, buyers, session))
            after = rules.last_of_each(news)
            await self._orders.bulk_write(_writes(before, after), ordered=False, session=session)
            if changes := rules.differences(before, after):
                await self._days.bulk_write(_additions(changes), ordered=False, session=session)
            return len(news)

        async with self._turn:
            with translated():
                return await self._database.transaction(count)

    async def days(self, currency: str, period: Period, count_max: int) -> Sequence[SalesDay]:
        first, last = period.first or date.min, period.last or date.max
        wanted = {"$gte": _id(SalesKey(currency, first)), "$lte": _id(SalesKey(currency, last))}
        with self._database.limited():
            found = self._days.find({"_id": wanted}).sort("_id").limit(count_max)
            return await in_turns(await found.to_list(count_max), _day)

    async def export(self, user_id: str, page_token: str) -> Held:
        wanted = {"user_id": UUID(user_id)}
        page = wanted | ({"_id": {"$gt": UUID(page_token)}} if page_token else {})
        with self._database.limited():
            count = await self._orders.count_documents(wanted)
            found = self._orders.find(page).sort("_id").limit(RECORDS_MAX + 1)
            orders = [_event(each) async for each in found]
        rows = [(order.order_id, order) for order in orders[:RECORDS_MAX]]
        return Held(rows, count, has_more=len(orders) > RECORDS_MAX)

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        """Takes the buyer from the orders, and leaves the figures: see `kit/mongo/erasing.py`."""
        wanted = {"user_id": UUID(user_id)}
        found = self._orders.find(wanted, {"_id": True}, session=session).limit(count_max)
        if ids := [each["_id"] async for each in found]:
            change = {"$unset": {"user_id": ""}}
            await self._orders.update_many({"_id": {"$in": ids}}, change, session=session)
        return {"sales": len(ids)}


def _writes(before: Orders, after: Orders) -> list[InsertOne[Document] | ReplaceOne[Document]]:
    now = datetime.now(UTC)
    documents = {
        order_id: {**_document(event), "recorded_at": now} for order_id, event in after.items()
    }
    return [
        ReplaceOne({"_id": document["_id"]}, document)
        if order_id in before
        else InsertOne(document)
        for order_id, document in documents.items()
    ]


def _document(event: OrderEvent) -> Document:
    return {
        "_id": UUID(event.order_id),  # 16 bytes instead of 36
        "event_id": UUID(event.id),
        "version": event.version,
        "state": event.state.value,
        **({"user_id": UUID(event.user_id)} if event.user_id else {}),
        "order_date": to_microseconds(event.order_date),
        "total_price": Decimal128(event.total_price),
        "currency": event.currency,
        "units": event.units,
        "occurred_at": to_microseconds(event.occurred_at),
        "captured": Decimal128(event.captured),
        "refunded": Decimal128(event.refunded),
    }


def _event(found: Document) -> OrderEvent:
    return OrderEvent(
        id=str(found["event_id"]),
        order_id=str(found["_id"]),
        version=found["version"],
        state=State(found["state"]),
        user_id=str(found.get("user_id", "")),
        order_date=from_microseconds(found["order_date"]),
        total_price=found["total_price"].to_decimal(),
        currency=found["currency"],
        units=found["units"],
        occurred_at=from_microseconds(found["occurred_at"]),
        captured=found.get("captured", _NOTHING).to_decimal(),
        refunded=found.get("refunded", _NOTHING).to_decimal(),
    )


def _additions(changes: Mapping[SalesKey, Figures]) -> list[UpdateOne]:
    # Always in the same order, so that conflicts show early and are rare.
    return [
        UpdateOne({"_id": _id(key)}, {"$inc": _increments(figures)}, upsert=True)
        for key, figures in sorted(changes.items())
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
