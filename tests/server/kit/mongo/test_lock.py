"""One holder at a time, and nobody waits for one that has died."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from server.kit.mongo import Database
from server.kit.mongo.lock import LOCKS, Lock, LockLostError, locked
from tests.server.kit.conftest import Lines
from tests.waiting import until

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


async def expire(database: Database, name: str) -> None:
    """What happens to a lock whose holder has died, when its time has passed."""
    expired = {"$set": {"expires_at": LONG_AGO}}
    assert (await database.collection(LOCKS).update_one({"_id": name}, expired)).matched_count


async def expiry(database: Database, name: str) -> datetime:
    found: dict[str, Any] = await database.collection(LOCKS).find_one({"_id": name})
    moment: datetime = found["expires_at"]
    return moment


async def test_only_one_of_many_takes_a_lock(empty: Database) -> None:
    locks = [Lock(empty, "once") for _ in range(8)]
    owners = await asyncio.gather(*(lock.take() for lock in locks))
    assert owners.count(None) == 1


async def test_locks_of_other_names_are_free(empty: Database) -> None:
    assert await Lock(empty, "one").take() is None
    assert await Lock(empty, "other").take() is None


async def test_a_lock_that_was_released_is_free(empty: Database) -> None:
    first, second = Lock(empty, "passed on"), Lock(empty, "passed on")
    assert await first.take() is None
    assert await second.take()
    await first.release()
    assert await second.take() is None
    await first.release()  # which is not its own any more
    assert await first.take()


async def test_a_lock_that_expired_is_taken_and_its_holder_hears_of_it(empty: Database) -> None:
    dead, heir = Lock(empty, "inherited"), Lock(empty, "inherited")
    assert await dead.take() is None
    await expire(empty, "inherited")
    assert await heir.take() is None
    with pytest.raises(LockLostError, match="inherited"):
        await dead.renew()
    await heir.renew()


async def test_a_holder_that_was_late_still_has_what_nobody_took(empty: Database) -> None:
    lock = Lock(empty, "late")
    assert await lock.take() is None
    await expire(empty, "late")
    await lock.renew()
    assert await Lock(empty, "late").take()


async def test_a_lock_is_kept_until_it_is_lost(empty: Database) -> None:
    lock = Lock(empty, "kept", seconds=0.3)
    assert await lock.take() is None
    first = await expiry(empty, "kept")
    keeping = asyncio.create_task(lock.keep())

    async def is_renewed() -> bool:
        return await expiry(empty, "kept") > first

    await until(is_renewed)
    await empty.collection(LOCKS).update_one({"_id": "kept"}, {"$set": {"owner": "another"}})
    await asyncio.wait_for(keeping, 10)


async def test_a_renewal_that_fails_is_told_and_tried_again(
    empty: Database, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock(empty, "shaky", seconds=0.03)
    renewals = 0

    async def fail_once() -> None:
        nonlocal renewals
        renewals += 1
        if renewals == 1:
            raise OperationFailure("not now")
        raise LockLostError

    monkeypatch.setattr(lock, "renew", fail_once)
    await asyncio.wait_for(lock.keep(), 10)
    assert [line["event"] for line in lines] == ["mongo.lock_not_renewed"]


async def test_who_comes_second_waits_and_says_for_whom(empty: Database, lines: Lines) -> None:
    async def enter() -> None:
        async with locked(empty, "room"):
            pass

    async def waits() -> bool:
        return any(line["event"] == "mongo.lock_waited_for" for line in lines)

    async with locked(empty, "room"):
        second = asyncio.create_task(enter())
        await until(waits)
        assert not second.done()
    await asyncio.wait_for(second, 30)
    assert await empty.collection(LOCKS).count_documents({}) == 0
