"""Parts that die, and are started again."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo.errors import PyMongoError

from server.local.errors import LocalError
from server.local.process import supervisor as keepers
from server.local.process.child import Child
from server.local.process.supervisor import Keeper
from server.local.progress import Silent, step
from tests.waiting import until


class Told(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.failures: list[str] = []

    def told(self, text: str) -> None:
        self.texts.append(text)

    def failed(self, step: str) -> None:
        self.failures.append(step)


class Sleeper:
    """A part that is ready at once, but fails to start while `fails` is above zero."""

    def __init__(self, log_file: Path) -> None:
        code = "print('good night', flush=True); import time; time.sleep(60)"
        self.child = Child(name="sleeper", command=[sys.executable, "-c", code], log_file=log_file)
        self.fails = 0
        self.failure: Exception = LocalError("not now")

    async def start(self) -> None:
        if self.fails:
            self.fails -= 1
            raise self.failure
        await self.child.start()
        await until(self._said_good_night)

    async def stop(self) -> None:
        await self.child.stop()

    async def _said_good_night(self) -> bool:
        return bool(self.child.tail())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.01)
    return Told()


@pytest_asyncio.fixture(loop_scope="session")
async def sleeper(tmp_path: Path) -> AsyncIterator[Sleeper]:
    part = Sleeper(tmp_path / "log")
    yield part
    await part.stop()


async def test_a_part_that_dies_is_told_of_with_its_last_words_and_started_again(
    sleeper: Sleeper, told: Told
) -> None:
    changes: list[bool] = []
    keeper = Keeper(sleeper, told, lambda: changes.append(sleeper.child.running))
    await keeper.start()
    first = sleeper.child.pid
    keeper.up.clear()
    sleeper.child.send(signal.SIGKILL)
    await keeper.up.wait()
    assert sleeper.child.pid != first
    assert "signal 9" in told.texts[0]
    assert "good night" in told.texts[0]
    await keeper.stop()
    assert changes == [True, False, True, False]


async def test_a_part_that_does_not_come_back_at_once_is_tried_again_after_longer_pauses(
    sleeper: Sleeper, told: Told
) -> None:
    keeper = Keeper(sleeper, told, lambda: None)
    await keeper.start()
    keeper.up.clear()
    sleeper.fails = 2
    sleeper.child.send(signal.SIGKILL)
    await keeper.up.wait()
    await keeper.stop()
    assert told.texts.count("not now") == 2


@pytest.mark.parametrize("failure", [OSError("no space left"), PyMongoError("no primary yet")])
async def test_whatever_a_start_meets_is_told_and_it_is_tried_again(
    failure: Exception, sleeper: Sleeper, told: Told
) -> None:
    keeper = Keeper(sleeper, told, lambda: None)
    await keeper.start()
    keeper.up.clear()
    sleeper.fails, sleeper.failure = 1, failure
    sleeper.child.send(signal.SIGKILL)
    await asyncio.wait_for(keeper.up.wait(), 10)
    await keeper.stop()
    assert f"sleeper: {failure!r}" in told.texts


async def test_a_record_that_cannot_be_written_stops_nobody(sleeper: Sleeper, told: Told) -> None:
    def changed() -> None:
        raise OSError("no space left")

    keeper = Keeper(sleeper, told, changed)
    await keeper.start()
    keeper.up.clear()
    sleeper.child.send(signal.SIGKILL)
    await asyncio.wait_for(keeper.up.wait(), 10)
    await keeper.stop()
    assert "what runs now could not be written down: no space left" in told.texts


async def test_a_part_that_is_stopped_stays_down(sleeper: Sleeper, told: Told) -> None:
    keeper = Keeper(sleeper, told, lambda: None)
    await keeper.start()
    await keeper.stop()
    assert not sleeper.child.running
    assert told.texts == []


async def test_a_part_that_never_came_up_is_an_error(sleeper: Sleeper, told: Told) -> None:
    sleeper.fails = 1
    with pytest.raises(LocalError, match="not now"), step(told, "sleeper"):
        await Keeper(sleeper, told, lambda: None).start()
    assert told.failures == ["sleeper"]
