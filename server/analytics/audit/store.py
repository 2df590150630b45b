"""Where audit records wait for the user service: in MongoDB, one document a record.

They are on disk at a majority before they count as stored. A process that dies while it stores some
has stored a part of them; the rest it had in memory, as with every record that is not stored yet.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from pymongo import ASCENDING
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from server.kit.audit.record import AuditRecord
from server.kit.audit.wire import from_bytes, to_bytes
from server.kit.mongo import Database
from server.kit.mongo.transactions import Session

_FOR_GOOD = WriteConcern("majority", j=True)
_DUPLICATE = 11000


class MongoWaiting:
    """`kit.audit.forwarding.Waiting`, on `emporium_analytics`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting = database.collection("audit_waiting").with_options(write_concern=_FOR_GOOD)

    def inserting(self, record: AuditRecord) -> Callable[[Session], Awaitable[None]]:
        """What lets `record` wait when the transaction of a session commits."""

        async def insert(session: Session) -> None:
            await self._waiting.insert_one(_document(record), session=session)

        return insert

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Lets `records` wait; one that waits already stays as it is."""
        documents = [_document(each) for each in records]
        with self._database.limited():
            try:
                await self._waiting.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if any(each["code"] != _DUPLICATE for each in error.details["writeErrors"]):
                    raise

    async def first(self, count_max: int) -> Sequence[AuditRecord]:
        with self._database.limited():
            found = self._waiting.find({"refused": None}).sort("_id", ASCENDING).limit(count_max)
            return [from_bytes(each["event"]) async for each in found]

    async def forget(self, record_ids: Collection[str]) -> None:
        ids = [UUID(each) for each in record_ids]
        with self._database.limited():
            await self._waiting.delete_many({"_id": {"$in": ids}})

    async def set_aside(self, record: AuditRecord, error: str) -> None:
        changed = {"$set": {"refused": error, "event": to_bytes(record)}}
        with self._database.limited():
            await self._waiting.update_one({"_id": UUID(record.id)}, changed)

    async def take_up(self) -> None:
        with self._database.limited():
            await self._waiting.update_many({"refused": {"$ne": None}}, {"$unset": {"refused": 1}})


def _document(record: AuditRecord) -> dict[str, Any]:
    return {"_id": UUID(record.id), "event": to_bytes(record)}
