"""People are erased from MongoDB once and for good, whatever dies meanwhile, on both drivers."""

import asyncio
import signal
import sys
import uuid
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient

from server.kit.audit import trail
from server.kit.audit.record import AuditRecord
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter
from server.kit.mongo import Database, Session
from server.kit.mongo.erasing import Erasures, erased_among
from server.kit.mongo.idempotency import KEYS, Answers
from server.local.engines.mongo import EmbeddedMongo
from tests.server.kit.audit.records import record
from tests.server.kit.mongo.things import Things

WHEN = datetime(2026, 5, 17, 12, tzinfo=UTC)
LATER = WHEN + timedelta(hours=1)
COUNT = 1_201  # steps of 500


def erasures(database: Database, now: datetime = LATER) -> Erasures:
    return Erasures(database, "test/mongodb", [Things(database)], now=lambda: now)


async def kept(database: Database, user_id: str, count: int = COUNT) -> None:
    things = Things(database).all
    await things.insert_many([{"user_id": user_id} for _ in range(count)])


async def count_of(database: Database, user_id: str) -> int:
    count: int = await Things(database).all.count_documents({"user_id": user_id})
    return count


async def test_a_person_is_erased_in_steps_and_others_are_not(database: Database) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    await kept(database, one)
    await kept(database, other, 1)
    receipt = await erasures(database).erase(one, WHEN)
    assert (receipt.store, receipt.erased) == ("test/mongodb", {"things": COUNT})
    assert receipt.completed_at == LATER
    assert (await count_of(database, one), await count_of(database, other)) == (0, 1)
    assert await erased_among(database, [one, other]) == {one}
    again = erasures(database, LATER + timedelta(hours=1))
    assert await again.erase(one, LATER) == receipt


@pytest.mark.parametrize(("steps", "done"), [(0, 0), (1, 500), (2, 1_000)])
async def test_a_killed_erasure_is_gone_on_with_and_counts_nothing_twice(
    database: Database, mongo: EmbeddedMongo, steps: int, done: int
) -> None:
    user_id = str(uuid.uuid4())
    await kept(database, user_id)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.kit.mongo.erasing_process"),
        *(mongo.uri, (await database.command("dbStats"))["db"], user_id, str(steps)),
    )
    assert await process.wait() == -signal.SIGKILL
    assert await count_of(database, user_id) == COUNT - done
    # The server ends the transaction of who has died after a minute, which no test can wait for.
    async with AsyncMongoClient[dict[str, Any]](mongo.uri) as admin:
        await admin.admin.command("killAllSessions", [])
    assert (await erasures(database).erase(user_id, WHEN)).erased == {"things": COUNT}
    assert await count_of(database, user_id) == 0


async def test_of_two_that_erase_at_once_each_gets_the_whole_receipt(database: Database) -> None:
    user_id = str(uuid.uuid4())
    await kept(database, user_id)
    both = await asyncio.gather(*(erasures(database).erase(user_id, WHEN) for _ in range(2)))
    assert await count_of(database, user_id) == 0
    [found] = [await erasures(database).erase(user_id, WHEN)]
    assert found.erased == {"things": COUNT}
    assert {receipt.completed_at for receipt in both} == {LATER}


async def test_the_record_of_the_call_commits_with_the_tombstone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, user_id = database.collection("notes"), str(uuid.uuid4())

    def inserting(record: AuditRecord) -> Any:
        async def insert(session: Session) -> None:
            await notes.insert_one({"_id": record.id}, session=session)
            raise ValueError("no room")

        return insert

    # A call has a task of its own; tests may share theirs.
    monkeypatch.setattr(trail, "_of_call", ContextVar("of a test", default=None))
    writer, told = AuditWriter(nowhere, registry=CollectorRegistry()), record()
    CommittingSink(writer, inserting).begin(lambda: told)
    with pytest.raises(ValueError, match="no room"):
        await erasures(database).erase(user_id, WHEN, completes_call=True)
    assert await erased_among(database, [user_id]) == set()
    assert await notes.find_one({"_id": told.id}) is None
    # By no call there is none; and a repeat, which finds the tombstone, has nothing to commit.
    first = await erasures(database).erase(user_id, WHEN)
    assert await erasures(database).erase(user_id, WHEN, completes_call=True) == first


async def nowhere(records: Sequence[AuditRecord]) -> None:
    """Where a writer stores records that are not looked at."""


async def test_what_a_killed_writer_has_left_is_swept(database: Database) -> None:
    late, long_ago = str(uuid.uuid4()), str(uuid.uuid4())
    await erasures(database).erase(late, WHEN)
    await erasures(database).erase(long_ago, WHEN - timedelta(days=2))
    for user_id in (late, long_ago):
        await kept(database, user_id, 3)
    await erasures(database).sweep()
    assert (await count_of(database, late), await count_of(database, long_ago)) == (0, 3)


async def test_first_answers_go_with_whom_they_are_about_and_with_who_asked(
    database: Database,
) -> None:
    ann, bob = sorted(str(uuid.uuid4()) for _ in range(2))
    keys = database.collection(KEYS)
    about = {"body_hash": b"", "answer": b"", "created_at": WHEN}
    for caller, subject in ((ann, None), (bob, ann), (bob, bob), (f"{ann}0", None)):
        identity = {"caller": caller, "method": "M", "key": uuid.uuid4().hex}
        more = {"subject": subject} if subject else {}
        await keys.insert_one({"_id": identity, **about, **more})
    erasing = Erasures(database, "test/mongodb", [Answers(database)])
    assert (await erasing.erase(ann, WHEN)).erased == {"first_answers": 2}
    left = [each["_id"]["caller"] async for each in keys.find({"_id.caller": {"$in": [bob]}})]
    assert left == [bob]
