"""Erases people in a MongoDB database, for good: what comes late is not kept.

A tombstone, a document of the collection `erasures`, says who was erased, what so far, and when
nothing was left. It stays: it holds an id that leads nowhere, and an event of that id may be
replayed after years. Everything that writes something of a person looks for one, by
`erased_among`, in the transaction that writes, or right after the write.

What a process leaves that is killed: before the tombstone nothing has happened. After it, each step
deletes some and counts them on the tombstone in one transaction, so a repeat goes on and counts
nothing twice. A writer that is killed between its write and its look leaves something that `sweep`
finds.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from server.kit.audit.trail import Trail, of_call
from server.kit.mongo.database import Database, Document
from server.kit.mongo.transactions import Session
from server.kit.mongo.translation import translated
from server.kit.receipts import Receipt

ERASURES = "erasures"

_STEP_MAX = 500  # documents of a kind in one transaction
# For how long something may come late that finds the tombstone and dies: the longest life of a
# token. What is replayed later is looked at in its transaction.
_SWEPT_FOR = timedelta(days=1)


class Part(Protocol):
    """Something that is kept of people in this database."""

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        """Erases that many at most of each kind, and gives the numbers, zeros too."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Erasures:
    """Erases from all `parts` of one database; `store` is its name in receipts."""

    def __init__(
        self,
        database: Database,
        store: str,
        parts: Sequence[Part],
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.store = store
        self._database = database
        self._parts = parts
        self._now = now
        self._tombstones = database.collection(ERASURES)

    async def erase(
        self, user_id: str, erased_at: datetime, *, completes_call: bool = False
    ) -> Receipt:
        """Leaves nothing of the person. Repeatable: gives what was erased in all.

        Where that `completes_call`, the call's record is committed with the tombstone: see
        `kit/audit/trail.py`. Raises `Unavailable` and `DeadlineExceeded` when it has erased some; a
        repeat goes on.
        """
        await self._bury(user_id, erased_at, of_call(completes_call))
        while await self._step(user_id):
            pass
        with self._database.limited():
            await self._tombstones.update_one(
                {"_id": user_id, "completed_at": {"$exists": False}},
                {"$set": {"completed_at": self._now()}},
            )
            found: Document = await self._tombstones.find_one({"_id": user_id})
        return Receipt(self.store, found["erased"], found["completed_at"])

    async def _bury(self, user_id: str, erased_at: datetime, trail: Trail) -> None:
        """Leaves the tombstone. What follows is made up for by `sweep`, so the call is done."""

        async def bury(session: Session) -> bool:
            tombstone = {"$setOnInsert": {"erased_at": erased_at, "erased": {}}}
            done = await self._tombstones.update_one(
                {"_id": user_id}, tombstone, upsert=True, session=session
            )
            is_new = done.upserted_id is not None
            if is_new and (insert := trail.write()):
                await insert(session)
            return is_new

        with translated():
            trail.committed(has_written=await self._database.transaction(bury))

    async def sweep(self) -> None:
        """Erases again what a killed process may have left of those who were erased lately."""
        recent = {"erased_at": {"$gt": self._now() - _SWEPT_FOR}}
        with self._database.limited():
            found = self._tombstones.find(recent, {"_id": True})
            user_ids = [each["_id"] async for each in found]
        for user_id in user_ids:
            while await self._step(user_id):
                pass

    async def _step(self, user_id: str) -> int:
        """Erases some; how many, and 0 when nothing is left."""

        async def step(session: Session) -> int:
            erased: dict[str, int] = {}
            for part in self._parts:
                erased |= await part.erase(user_id, _STEP_MAX, session)
            counts = {f"erased.{kind}": count for kind, count in erased.items()}
            await self._tombstones.update_one({"_id": user_id}, {"$inc": counts}, session=session)
            return sum(erased.values())

        with translated():
            return await self._database.transaction(step)


async def erased_among(
    database: Database, user_ids: Collection[str], session: Session | None = None
) -> set[str]:
    """Those of the ids whose persons were erased."""
    wanted = {"_id": {"$in": list(user_ids)}}
    found = database.collection(ERASURES).find(wanted, {"_id": True}, session=session)
    return {each["_id"] async for each in found}
