"""Where the records of the analytics service wait, on either driver."""

from server.analytics.audit.store import MongoWaiting
from server.kit.mongo import Database
from tests.server.kit.audit.records import record


async def test_what_waits_is_read_as_it_was_stored_the_oldest_first(database: Database) -> None:
    waiting = MongoWaiting(database)
    old, new = record(subject_id="01900000-0000-7000-8000-000000000001"), record(1, actor_role=None)
    await waiting.append([new])
    await waiting.append([old, new])
    assert await waiting.first(10) == [old, new]
    assert await waiting.first(1) == [old]
    await waiting.forget([old.id])
    assert await waiting.first(10) == [new]
    await waiting.forget([new.id])
