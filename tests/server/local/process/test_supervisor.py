"""Parts that die and are restarted."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo.errors import PyMongoError

from server.kit.backoff import Backoff
from server.local.errors import LocalError
from server.local.process import supervisor as supervisors
from server.local.process.child import Child
from server.local.process.supervisor import Supervisor
from server.local.progress import Silent, step
from tests.waiting import until


class Reports(Silent):
    """Collects what is reported."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.failures: list[str] = []

    def reported(self, text: str) -> None:
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
        await until(self._has_logged)

    async def stop(self) -> None:
        await self.child.stop()

    async def _has_logged(self) -> bool:
        return bool(self.child.tail())


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    monkeypatch.setattr(supervisors, "BACKOFF", Backoff(first_seconds=0.01, seconds_max=0.1))
    return Reports()


@pytest_asyncio.fixture(loop_scope="session")
async def sleeper(tmp_path: Path) -> AsyncIterator[Sleeper]:
    part = Sleeper(tmp_path / "log")
    yield part
    await part.stop()


async def test_a_part_that_dies_is_reported_with_its_last_log_lines_and_restarted(
    sleeper: Sleeper, reports: Reports
) -> None:
    changes: list[bool] = []
    supervisor = Supervisor(sleeper, reports, lambda: changes.append(sleeper.child.running))
    await supervisor.start()
    first = sleeper.child.pid
    supervisor.ready.clear()
    sleeper.child.send(signal.SIGKILL)
    await supervisor.ready.wait()
    assert sleeper.child.pid != first
    assert "signal 9" in reports.texts[0]
    assert "good night" in reports.texts[0]
    await supervisor.stop()
    assert changes == [True, False, True, False]


async def test_a_part_that_does_not_restart_at_once_is_tried_again_after_longer_delays(
    sleeper: Sleeper, reports: Reports
) -> None:
    supervisor = Supervisor(sleeper, reports, lambda: None)
    await supervisor.start()
    supervisor.ready.clear()
    sleeper.fails = 2
    sleeper.child.send(signal.SIGKILL)
    await supervisor.ready.wait()
    await supervisor.stop()
    assert reports.texts.count("not now") == 2


@pytest.mark.parametrize("failure", [OSError("no space left"), PyMongoError("no primary yet")])
async def test_any_error_of_a_restart_is_reported_and_it_is_tried_again(
    failure: Exception, sleeper: Sleeper, reports: Reports
) -> None:
    supervisor = Supervisor(sleeper, reports, lambda: None)
    await supervisor.start()
    supervisor.ready.clear()
    sleeper.fails, sleeper.failure = 1, failure
    sleeper.child.send(signal.SIGKILL)
    await asyncio.wait_for(supervisor.ready.wait(), 10)
    await supervisor.stop()
    assert f"sleeper: {failure!r}" in reports.texts


async def test_a_record_that_cannot_be_written_does_not_end_supervision(
    sleeper: Sleeper, reports: Reports
) -> None:
    def changed() -> None:
        raise OSError("no space left")

    supervisor = Supervisor(sleeper, reports, changed)
    await supervisor.start()
    supervisor.ready.clear()
    sleeper.child.send(signal.SIGKILL)
    await asyncio.wait_for(supervisor.ready.wait(), 10)
    await supervisor.stop()
    assert "cluster.json could not be written: no space left" in reports.texts


async def test_a_part_that_is_stopped_stays_down(sleeper: Sleeper, reports: Reports) -> None:
    supervisor = Supervisor(sleeper, reports, lambda: None)
    await supervisor.start()
    await supervisor.stop()
    assert not sleeper.child.running
    assert reports.texts == []


async def test_a_part_that_never_came_up_is_an_error(sleeper: Sleeper, reports: Reports) -> None:
    sleeper.fails = 1
    with pytest.raises(LocalError, match="not now"), step(reports, "sleeper"):
        await Supervisor(sleeper, reports, lambda: None).start()
    assert reports.failures == ["sleeper"]
