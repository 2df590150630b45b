"""One holder at a time among all processes that use a database.

A lock is a document of the collection `locks` with its owner and the time when it expires, by the
server's clock. Its holder renews it while it works; that of a holder which died expires.
"""

import asyncio
import os
import random
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from server.kit.mongo import Database
from server.kit.telemetry import brief

LOCKS = "locks"

_SECONDS = 15.0
_RENEWALS_A_LEASE = 3
_POLL_SECONDS = 0.2
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger()
_spread = random.SystemRandom()


class LockLostError(Exception):
    """The lock expired, and another took it."""


class Lock:
    """A lock by its name, and one who may hold it."""

    def __init__(self, database: Database, name: str, seconds: float = _SECONDS) -> None:
        self._locks = database.collection(LOCKS)
        self._name = name
        self._seconds = seconds
        # Host and process are for operators who look for the holder.
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"

    async def take(self) -> str | None:
        """Takes the lock if it is free or has expired; gives the other owner if it is held."""
        is_free = {"$lte": [{"$ifNull": ["$expires_at", _NEVER]}, "$$NOW"]}
        taken = {
            "owner": {"$cond": [is_free, {"$literal": self._owner}, "$owner"]},
            "expires_at": {"$cond": [is_free, self._expiry(), "$expires_at"]},
        }
        try:
            found = await self._locks.find_one_and_update(
                {"_id": self._name},
                [{"$set": taken}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return "another"  # which inserted the document after we had looked for it
        owner: str = found["owner"]
        return None if owner == self._owner else owner

    async def renew(self) -> None:
        """Holds the lock for its time again; raises `LockLostError` when another took it."""
        mine = {"_id": self._name, "owner": self._owner}
        renewed = await self._locks.update_one(mine, [{"$set": {"expires_at": self._expiry()}}])
        if not renewed.matched_count:
            raise LockLostError(f"the lock {self._name} expired, and another took it")

    async def release(self) -> None:
        """Releases the lock, if it is still ours."""
        await self._locks.delete_one({"_id": self._name, "owner": self._owner})

    async def keep(self) -> None:
        """Renews the lock repeatedly, until it is lost or this is cancelled."""
        while True:
            await asyncio.sleep(self._seconds / _RENEWALS_A_LEASE)
            try:
                await self.renew()
            except LockLostError:
                return  # the holder's own call of `renew` raises
            except PyMongoError as error:
                _log.warning("mongo.lock_not_renewed", lock=self._name, error=brief(error))

    def _expiry(self) -> dict[str, Any]:
        return {"$add": ["$$NOW", int(self._seconds * 1_000)]}


@asynccontextmanager
async def locked(database: Database, name: str) -> AsyncIterator[Lock]:
    """Waits for the lock `name` and holds it within.

    A holder that was stopped for longer than the lock lasts has lost it. So it calls `renew`
    before each step that must not run twice at the same time.
    """
    lock = Lock(database, name)
    waited_for = None
    while owner := await lock.take():
        if owner != waited_for:
            _log.info("mongo.lock_waited_for", lock=name, owner=owner)
        waited_for = owner
        await asyncio.sleep(_POLL_SECONDS * _spread.uniform(0.5, 1.5))
    keeping = asyncio.create_task(lock.keep())
    try:
        yield lock
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        # A server that is away now will find that the lock has expired.
        with suppress(PyMongoError):
            await lock.release()
