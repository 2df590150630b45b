"""What users did in the shop: the interface of a store, and MongoDB's, one document an event.

Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when it is
too slow. A write may then have happened, but never half of it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from server.analytics.behaviour.rules import Event
from server.kit import errors
from server.kit.exporting import BYTES_MAX, RECORDS_MAX, Held
from server.kit.loader import Loader
from server.kit.mongo import Database, Document, Session
from server.kit.mongo.erasing import erased_among
from server.kit.mongo.moments import from_microseconds, to_microseconds

_LOOKED_FOR_TOGETHER_MAX = 256  # persons


class EventStore(Protocol):
    """What users did in the shop."""

    async def record(self, event: Event) -> Event | None:
        """Stores `event`, or returns the one that was stored under its id before.

        Raises `AccountInactive` when the user was erased; then it is not kept.
        """

    async def export(self, user_id: str, page_token: str) -> Held:
        """What the user did, in the order of its ids. Raises `InvalidPageToken`."""


class MongoEventStore:
    """An `EventStore` on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database.collection("events")
        # One look for all who have written meanwhile: 20 us of CPU for each of fifty, where one
        # alone costs 280 (two cores of an AMD EPYC, November 2026).
        self._erased: Loader[str, bool] = Loader(self._look, batch_max=_LOOKED_FOR_TOGETHER_MAX)

    async def record(self, event: Event) -> Event | None:
        with self._database.limited():
            try:
                await self._events.insert_one(_document(event))
            except DuplicateKeyError:
                return _event(await self._events.find_one({"_id": UUID(event.id)}))
            # Now, and not before: an erasure that misses the event has left its tombstone by now.
            if await self._erased.get(event.user_id):
                await self._events.delete_one({"_id": UUID(event.id)})
                raise errors.AccountInactive("the account was deleted or disabled")
            return None

    async def _look(self, user_ids: Sequence[str]) -> Mapping[str, bool]:
        with self._database.limited():
            return dict.fromkeys(await erased_among(self._database, user_ids), True)

    async def export(self, user_id: str, page_token: str) -> Held:
        wanted = {"user_id": user_id}
        page = wanted | ({"_id": {"$gt": UUID(page_token)}} if page_token else {})
        with self._database.limited():
            count = await self._events.count_documents(wanted)
            found = self._events.find(page).sort("_id").limit(RECORDS_MAX + 1).batch_size(50)
            events, size = [], 0
            async for each in found:
                events.append(_event(each))
                size += sum(map(len, each["properties"].values()))
                if size > BYTES_MAX:
                    break  # no page holds more
        rows = [(event.id, event) for event in events[:RECORDS_MAX]]
        return Held(rows, count, has_more=len(events) > RECORDS_MAX or size > BYTES_MAX)

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        """Deletes what the user did: see `kit/mongo/erasing.py`."""
        wanted = {"user_id": user_id}
        found = self._events.find(wanted, {"_id": True}, session=session).limit(count_max)
        if ids := [each["_id"] async for each in found]:
            await self._events.delete_many({"_id": {"$in": ids}}, session=session)
        return {"activity": len(ids)}


def _document(event: Event) -> Document:
    return {
        "_id": UUID(event.id),  # 16 bytes instead of 36
        "user_id": event.user_id,
        "type": event.type,
        "occurred_at": to_microseconds(event.occurred_at),
        "properties": dict(event.properties),
        "content_hash": event.content_hash,
        "recorded_at": datetime.now(UTC),
    }


def _event(found: Document) -> Event:
    return Event(
        id=str(found["_id"]),
        user_id=found["user_id"],
        type=found["type"],
        occurred_at=from_microseconds(found["occurred_at"]),
        properties=found["properties"],
        content_hash=found["content_hash"],
    )
