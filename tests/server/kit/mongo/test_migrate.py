"""Numbered steps: applied once, reversed, by one runner at a time, and never changed."""

import asyncio
import importlib
import uuid
from pathlib import Path
from types import ModuleType

import pytest

from server.kit import mongo as kit_mongo
from server.kit.mongo import Database
from server.kit.mongo.lock import LOCKS, Lock, LockLostError
from server.kit.mongo.migrate import STEPS, MigrationError, downgrade, steps_of, upgrade
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo
from tests.server.kit.conftest import Lines
from tests.server.kit.mongo.test_lock import expire
from tests.waiting import until

# Leaves a document in `log` each time that it runs, and waits where a test tells it to.
STEP = """
import asyncio

entered, gate = asyncio.Event(), asyncio.Event()
gate.set()


async def upgrade(database):
    await database.collection("log").insert_one({{"did": "{name}"}})
    entered.set()
    await gate.wait()


async def downgrade(database):
    await database.collection("log").insert_one({{"did": "{name} reversed"}})
"""
# Has the server look at a document for longer than a call may take.
SLOW = """
async def upgrade(database):
    many = {{"$range": [0, 7000]}}
    all_pairs = [{{"$set": {{"n": many}}}}, {{"$unwind": "$n"}}]
    all_pairs += [{{"$set": {{"m": many}}}}, {{"$unwind": "$m"}}, {{"$count": "pairs"}}]
    found = await database.collection("log").aggregate([{{"$limit": 1}}, *all_pairs])
    await found.to_list(1)


downgrade = upgrade
"""
NAMES = ["0001_first", "0002_second", "0003_third"]


class Steps:
    """A package of steps in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()
        for name in NAMES:
            self.write(name)

    def write(self, name: str, text: str = STEP) -> None:
        (self.folder / f"{name}.py").write_text(text.format(name=name))
        importlib.invalidate_caches()

    @property
    def package(self) -> ModuleType:
        return importlib.import_module(self.folder.name)

    def module(self, name: str) -> ModuleType:
        (found,) = [step.module for step in steps_of(self.package) if step.name == name]
        return found


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    monkeypatch.syspath_prepend(tmp_path)
    return Steps(tmp_path / f"steps_{uuid.uuid4().hex}")


async def done(database: Database) -> list[str]:
    """What the steps did, in order."""
    return [each["did"] async for each in database.collection("log").find({}).sort("_id")]


async def marks(database: Database) -> dict[str, str | None]:
    found = database.collection(STEPS).find({})
    return {mark["_id"]: mark.get("checksum") async for mark in found}


async def test_steps_are_applied_once_and_in_order(empty: Database, steps: Steps) -> None:
    assert await upgrade(empty, steps.package) == NAMES
    assert await upgrade(empty, steps.package) == []
    assert await done(empty) == NAMES


async def test_an_upgrade_may_end_before_the_last(empty: Database, steps: Steps) -> None:
    assert await upgrade(empty, steps.package, "0002_second") == NAMES[:2]
    assert await upgrade(empty, steps.package) == NAMES[2:]


async def test_what_is_new_is_applied_to_what_was_there(empty: Database, steps: Steps) -> None:
    await upgrade(empty, steps.package)
    steps.write("0004_fourth")
    assert await upgrade(empty, steps.package) == ["0004_fourth"]


async def test_steps_are_reversed_from_the_last_on(empty: Database, steps: Steps) -> None:
    await upgrade(empty, steps.package)
    assert await downgrade(empty, steps.package, "0001_first") == ["0003_third", "0002_second"]
    assert await downgrade(empty, steps.package, "0001_first") == []
    assert await downgrade(empty, steps.package, "base") == ["0001_first"]
    reversals = [f"{name} reversed" for name in reversed(NAMES)]
    assert await done(empty) == [*NAMES, *reversals]
    assert await upgrade(empty, steps.package) == NAMES


@pytest.mark.parametrize("to", ["0009_never", "0001", ""])
async def test_a_step_that_is_not_there_cannot_be_gone_to(
    empty: Database, steps: Steps, to: str
) -> None:
    await upgrade(empty, steps.package)
    with pytest.raises(MigrationError, match="there is no step"):
        await downgrade(empty, steps.package, to)
    with pytest.raises(MigrationError, match="there is no step"):
        await upgrade(empty, steps.package, to)
    assert await done(empty) == NAMES


async def test_a_step_that_was_cut_short_is_run_again(empty: Database, steps: Steps) -> None:
    module = steps.module("0002_second")
    module.gate.clear()
    running = asyncio.create_task(upgrade(empty, steps.package))
    await asyncio.wait_for(module.entered.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    module.gate.set()
    assert await upgrade(empty, steps.package) == NAMES[1:]
    assert await done(empty) == ["0001_first", "0002_second", "0002_second", "0003_third"]


async def test_a_step_that_changed_since_is_refused_by_name(empty: Database, steps: Steps) -> None:
    await upgrade(empty, steps.package)
    steps.write("0002_second", STEP + "# changed\n")
    steps.write("0004_fourth")
    with pytest.raises(MigrationError, match="0002_second has changed since it was applied"):
        await upgrade(empty, steps.package)
    with pytest.raises(MigrationError, match="0002_second has changed since it was applied"):
        await downgrade(empty, steps.package, "base")
    assert await done(empty) == NAMES


async def test_a_step_that_changed_before_it_was_applied_is_as_good_as_another(
    empty: Database, steps: Steps
) -> None:
    await upgrade(empty, steps.package, "0002_second")
    steps.write("0003_third", STEP + "# changed\n")
    assert await upgrade(empty, steps.package) == ["0003_third"]


async def test_steps_older_than_the_checksums_get_theirs_when_they_are_first_seen(
    empty: Database, steps: Steps
) -> None:
    await upgrade(empty, steps.package)
    recorded = await marks(empty)
    await empty.collection(STEPS).update_many({}, {"$unset": {"checksum": ""}})
    assert await upgrade(empty, steps.package) == []
    assert await marks(empty) == recorded
    assert None not in recorded.values()
    steps.write("0001_first", STEP + "# changed\n")
    with pytest.raises(MigrationError, match="0001_first"):
        await upgrade(empty, steps.package)


async def test_steps_of_newer_code_stay_and_only_it_can_reverse_them(
    empty: Database, steps: Steps
) -> None:
    await upgrade(empty, steps.package)
    (steps.folder / "0003_third.py").unlink()
    assert await upgrade(empty, steps.package) == []
    with pytest.raises(MigrationError, match="0003_third"):
        await downgrade(empty, steps.package, "0001_first")
    assert await done(empty) == NAMES


async def test_a_step_may_take_longer_than_a_call(mongo: EmbeddedMongo, steps: Steps) -> None:
    steps.write("0004_slow", SLOW)
    settings = Mongo(
        mongodb_uri=mongo.uri,
        mongodb_database=f"emporium_kit_{uuid.uuid4().hex[:8]}",
        mongodb_timeout_seconds=1.0,
    )
    async with kit_mongo.connected(settings) as database:
        assert await upgrade(database, steps.package) == [*NAMES, "0004_slow"]
        assert await downgrade(database, steps.package, "0003_third") == ["0004_slow"]


async def test_of_two_runners_one_waits_and_finds_nothing_to_do(
    empty: Database, steps: Steps, lines: Lines
) -> None:
    module = steps.module("0001_first")
    module.gate.clear()
    first = asyncio.create_task(upgrade(empty, steps.package))
    await asyncio.wait_for(module.entered.wait(), 30)
    second = asyncio.create_task(upgrade(empty, steps.package))
    await until_waiting(lines)
    module.gate.set()
    assert await first == NAMES
    assert await second == []
    assert await done(empty) == NAMES


async def test_many_runners_at_once_apply_each_step_once(empty: Database, steps: Steps) -> None:
    applied = await asyncio.gather(*(upgrade(empty, steps.package) for _ in range(4)))
    assert sorted(applied) == [[], [], [], NAMES]
    assert await done(empty) == NAMES


async def test_a_runner_that_died_with_the_lock_is_waited_for_no_longer_than_it_lasts(
    empty: Database, steps: Steps, lines: Lines
) -> None:
    assert await Lock(empty, STEPS).take() is None  # and never renews it
    running = asyncio.create_task(upgrade(empty, steps.package))
    await until_waiting(lines)
    assert await done(empty) == []
    await expire(empty, STEPS)
    assert await running == NAMES


async def test_a_runner_that_lost_the_lock_does_no_more(empty: Database, steps: Steps) -> None:
    module = steps.module("0002_second")
    module.gate.clear()
    running = asyncio.create_task(upgrade(empty, steps.package))
    await asyncio.wait_for(module.entered.wait(), 30)
    await empty.collection(LOCKS).update_one({"_id": STEPS}, {"$set": {"owner": "another"}})
    module.gate.set()
    with pytest.raises(LockLostError):
        await running
    assert list(await marks(empty)) == ["0001_first"]
    assert await done(empty) == NAMES[:2]


async def until_waiting(lines: Lines) -> None:
    """Returns when a runner has said that it waits for another."""

    async def waits() -> bool:
        return any(line["event"] == "mongo.lock_waited_for" for line in lines)

    await until(waits)
