"""What the reports are made of, to be compared with the orders themselves, and set right."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from pymongo import ReplaceOne

from server.analytics.sales import rules
from server.analytics.sales.rules import Figures, OrderEvent, SalesKey
from server.analytics.sales.store import (
    _additions,
    _day,
    _document,
    _event,
    _id,
    _increments,
)
from server.kit.mongo import Database, Session, translated
from server.kit.mongo.moments import to_microseconds

_PAGE = 1_000


class MongoSalesFacts:
    """Orders and figures of `emporium_analytics`, read in the order of their ids, a page at a time.

    Errors as in `SalesStore`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders = database.collection("orders")
        self._days = database.collection("sales_daily")

    async def orders(self) -> AsyncIterator[OrderEvent]:
        """All that is known of, each as its last event left it."""
        after: UUID | None = None
        while True:
            wanted = {"_id": {"$gt": after}} if after else {}
            with self._database.limited():
                found = self._orders.find(wanted).sort("_id").limit(_PAGE)
                page = [_event(each) async for each in found]
            for each in page:
                yield each
            if len(page) < _PAGE:
                return
            after = UUID(page[-1].order_id)

    async def those(self, order_ids: Collection[str]) -> Mapping[str, OrderEvent]:
        """What is known of these orders."""
        wanted = {"_id": {"$in": [UUID(each) for each in order_ids]}}
        with self._database.limited():
            found = [_event(each) async for each in self._orders.find(wanted)]
        return {each.order_id: each for each in found}

    async def set(self, facts: Sequence[OrderEvent]) -> None:
        """Has orders count as `facts` say, whatever is known of them."""
        after = {each.order_id: each for each in facts}
        ids = [UUID(each) for each in after]

        async def change(session: Session) -> None:
            known = self._orders.find({"_id": {"$in": ids}}, session=session)
            before = {each.order_id: each for each in [_event(one) async for one in known]}
            now = datetime.now(UTC)
            writes = [
                ReplaceOne(
                    {"_id": UUID(each.order_id)},
                    {**_document(each), "recorded_at": now},
                    upsert=True,
                )
                for each in facts
            ]
            await self._orders.bulk_write(writes, ordered=False, session=session)
            if changes := rules.differences(before, after):
                await self._days.bulk_write(_additions(changes), ordered=False, session=session)

        with translated():
            await self._database.transaction(change)

    async def days(self) -> AsyncIterator[tuple[SalesKey, Figures]]:
        """The figures that reports show, of each currency and day."""
        after = ""
        while True:
            with self._database.limited():
                found = self._days.find({"_id": {"$gt": after}}).sort("_id").limit(_PAGE)
                page = [each async for each in found]
            for each in page:
                after = each["_id"]
                day = _day(each)
                yield SalesKey(after.partition(":")[0], day.day), day.sales
            if len(page) < _PAGE:
                return

    async def recount(self, key: SalesKey, *, repair: bool) -> bool:
        """Whether the figures of a day are what its orders add up to; sets them so if asked."""
        begin = datetime.combine(key.day, time(), UTC)
        moments = {
            "$gte": to_microseconds(begin),
            "$lt": to_microseconds(begin) + timedelta(days=1) // timedelta(microseconds=1),
        }

        async def look(session: Session) -> bool:
            wanted = {"currency": key.currency, "order_date": moments}
            orders = [_event(each) async for each in self._orders.find(wanted, session=session)]
            are = rules.summed([each.figures for each in orders])
            kept = await self._days.find_one({"_id": _id(key)}, session=session)
            if (_day(kept).sales if kept else Figures()) == are:
                return True
            if repair:
                whole = {"_id": _id(key), **_increments(are)}
                await self._days.replace_one({"_id": _id(key)}, whole, upsert=True, session=session)
            return False

        with translated():
            return await self._database.transaction(look)
