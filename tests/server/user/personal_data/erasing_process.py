"""Has a store erase a person, and is killed before its receipt is kept.

python -m tests.server.user.personal_data.erasing_process DSN URI DATABASE
"""

import asyncio
import os
import signal
import sys
from datetime import datetime

from server.kit import mongo as kit_mongo
from server.kit import outbox, postgres
from server.kit.mongo import Database
from server.kit.outbox import OutboxMetrics
from server.kit.receipts import Receipt
from server.settings import Mongo, Postgres
from server.user.app.destinations import session_ends
from server.user.events.encoding import ERASED
from server.user.events.ending_sessions import EndingSessions
from server.user.jobs.sweeping import own_sessions
from server.user.personal_data.sending import ErasureDestination
from server.user.personal_data.store import PostgresErasureStore
from server.user.sessions.store import MongoSessionStore


class Dying:
    """The sessions of a process that dies when it has erased some."""

    def __init__(self, database: Database) -> None:
        self._sessions = own_sessions(database)
        self.store = self._sessions.store

    async def erase(self, user_id: str, erased_at: datetime) -> Receipt:
        await self._sessions.erase(user_id, erased_at)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


async def main(dsn: str, uri: str, name: str) -> None:
    """Relays until it dies."""
    settings = Mongo(mongodb_uri=uri, mongodb_database=name)
    async with (
        postgres.connected(Postgres(database_url=dsn)) as pool,
        kit_mongo.connected(settings) as database,
    ):
        dying = ErasureDestination("", Dying(database), PostgresErasureStore(pool), ERASED)
        destination = EndingSessions(
            MongoSessionStore(database), session_ends(pool, lambda: None), dying
        )
        async with outbox.relaying(pool, dsn, [destination], metrics=OutboxMetrics()):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
