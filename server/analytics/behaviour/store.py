"""What users did in the shop: the interface of a store, and MongoDB's, one document an event.

Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when it is
too slow. A write may then have happened, but never half of it.
"""

from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from server.analytics.behaviour.rules import Event
from server.kit.mongo import Database, Document
from server.kit.mongo.moments import from_microseconds, to_microseconds


class EventStore(Protocol):
    """What users did in the shop."""

    async def record(self, event: Event) -> Event | None:
        """Stores `event`, or returns the one that was stored under its id before."""


class MongoEventStore:
    """An `EventStore` on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database.collection("events")

    async def record(self, event: Event) -> Event | None:
        with self._database.limited():
            try:
                await self._events.insert_one(_document(event))
            except DuplicateKeyError:
                return _event(await self._events.find_one({"_id": UUID(event.id)}))
            return None


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
