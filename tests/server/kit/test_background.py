"""Jobs beside the calls: by the clock, after a crash, one at a time, and at the end."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from server.kit import background, errors
from server.kit.background import Job, LockLost, Work, running
from server.kit.backoff import Backoff
from tests.server.kit.conftest import Lines

AT_ONCE = Backoff(first_seconds=0.0, seconds_max=0.0)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


class Worker:
    """Fails with each of `failures` in turn, then works `until` times."""

    def __init__(self, *failures: BaseException, until: int = 1) -> None:
        self.failures = list(failures)
        self.until = until
        self.runs = 0
        self.is_done = asyncio.Event()

    async def work(self) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.runs >= self.until:
            self.is_done.set()


class Endless:
    """Works until it is asked to stop, or cancelled."""

    def __init__(self, *, heeds: bool = True) -> None:
        self.heeds = heeds
        self.has_begun = asyncio.Event()
        self.is_stopping = asyncio.Event()
        self.outcome = ""

    async def work(self) -> None:
        self.has_begun.set()
        try:
            await self.is_stopping.wait()
            if not self.heeds:
                await asyncio.Event().wait()
            self.outcome = "returned"
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise


def named(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


async def test_work_that_returns_is_not_begun_again(registry: CollectorRegistry) -> None:
    worker, other = Worker(), Worker(until=20)
    jobs = Job("once", worker.work), Job("often", other.work, every_seconds=0.0)
    async with asyncio.timeout(10), running(*jobs, registry=registry):
        await other.is_done.wait()
    assert worker.runs == 1


async def test_work_at_intervals_begins_at_once_and_comes_again(
    registry: CollectorRegistry,
) -> None:
    worker = Worker(until=3)
    job = Job("often", worker.work, every_seconds=0.001)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()


async def test_intervals_differ_by_a_tenth_so_that_replicas_spread_out(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def shortest(least: float, most: float) -> float:
        asked.append((least, most))
        return 0.0

    monkeypatch.setattr(background, "_uniform", shortest)
    worker = Worker(until=2)
    job = Job("hourly", worker.work, every_seconds=3_600.0)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()
    assert asked[0] == pytest.approx((0.9, 1.1))


@pytest.mark.parametrize("every_seconds", [None, 60.0])
async def test_a_crash_is_logged_and_the_work_is_begun_again_before_its_time(
    registry: CollectorRegistry, lines: Lines, every_seconds: float | None
) -> None:
    worker = Worker(RuntimeError("a defect"))
    job = Job("frail", worker.work, every_seconds=every_seconds, backoff=AT_ONCE)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()
    [line] = named(lines, "background.crashed")
    assert line["job"] == "frail"
    assert line["log_level"] == "error"
    assert isinstance(line["exc_info"], RuntimeError)


async def test_a_database_that_is_away_is_told_in_one_line(
    registry: CollectorRegistry, lines: Lines
) -> None:
    worker = Worker(errors.Unavailable("away"), errors.DeadlineExceeded("slow"))
    job = Job("retried", worker.work, backoff=AT_ONCE)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()
    assert [(line["log_level"], line["error"]) for line in lines] == [
        ("warning", "away"),
        ("warning", "slow"),
    ]


async def test_waits_grow_from_failure_to_failure_and_begin_anew_after_a_success(
    registry: CollectorRegistry,
) -> None:
    counted: list[int] = []

    class Counted(Backoff):
        def delay(self, failures: int) -> float:
            counted.append(failures)
            return 0.0

    defect = RuntimeError("a defect")
    outcomes: list[Exception | None] = [defect, defect, defect, None, defect, None]
    is_done = asyncio.Event()

    async def work() -> None:
        if not outcomes:
            is_done.set()
        elif outcome := outcomes.pop(0):
            raise outcome

    job = Job("frail", work, every_seconds=0.0, backoff=Counted(0.0, 0.0))
    async with asyncio.timeout(10), running(job, registry=registry):
        await is_done.wait()
    assert counted == [1, 2, 3, 1]


async def test_work_that_is_cancelled_from_within_has_crashed(
    registry: CollectorRegistry, lines: Lines
) -> None:
    worker = Worker(asyncio.CancelledError())
    job = Job("frail", worker.work, backoff=AT_ONCE)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()
    assert [line["job"] for line in named(lines, "background.crashed")] == ["frail"]


async def test_leaving_cancels_the_work_and_waits_until_it_has_ended(
    registry: CollectorRegistry,
) -> None:
    endless = Endless()
    async with running(Job("endless", endless.work), registry=registry):
        await endless.has_begun.wait()
    assert endless.outcome == "cancelled"


async def test_work_that_can_be_stopped_may_return_by_itself(
    registry: CollectorRegistry,
) -> None:
    endless = Endless()
    job = Job("endless", endless.work, stop=endless.is_stopping.set, grace_seconds=10.0)
    async with running(job, registry=registry):
        await endless.has_begun.wait()
    assert endless.outcome == "returned"


async def test_work_that_does_not_heed_its_stop_is_cancelled(registry: CollectorRegistry) -> None:
    endless = Endless(heeds=False)
    job = Job("endless", endless.work, stop=endless.is_stopping.set, grace_seconds=0.01)
    async with running(job, registry=registry):
        await endless.has_begun.wait()
    assert endless.outcome == "cancelled"


async def test_work_that_is_deaf_is_left_behind_and_told(
    registry: CollectorRegistry, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_CANCEL_SECONDS", 0.01)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def deaf() -> None:
        has_begun.set()
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    async with running(Job("deaf", deaf), registry=registry):
        await has_begun.wait()
    may_end.set()
    assert [line["job"] for line in named(lines, "background.left_behind")] == ["deaf"]


async def test_a_crash_of_the_block_ends_the_jobs_too(registry: CollectorRegistry) -> None:
    endless = Endless()

    async def crash() -> None:
        async with running(Job("endless", endless.work), registry=registry):
            await endless.has_begun.wait()
            raise LookupError

    with pytest.raises(LookupError):
        await crash()
    assert endless.outcome == "cancelled"


async def test_runs_failures_time_and_the_last_success_are_counted_by_name(
    registry: CollectorRegistry,
) -> None:
    worker, other = Worker(RuntimeError("a defect")), Worker()
    jobs = Job("frail", worker.work, backoff=AT_ONCE), Job("strong", other.work)
    async with asyncio.timeout(10), running(*jobs, registry=registry):
        await worker.is_done.wait()
        await other.is_done.wait()

    def value(name: str, job: str) -> float | None:
        return registry.get_sample_value(name, {"job": job})

    assert value("background_runs_total", "frail") == 2
    assert value("background_failures_total", "frail") == 1
    assert value("background_run_seconds_count", "frail") == 2
    assert value("background_last_success_timestamp_seconds", "frail")
    assert value("background_runs_total", "strong") == 1
    assert value("background_failures_total", "strong") is None


async def test_work_that_was_stopped_has_neither_failed_nor_succeeded(
    registry: CollectorRegistry,
) -> None:
    endless = Endless()
    async with running(Job("endless", endless.work), registry=registry):
        await endless.has_begun.wait()
    label = {"job": "endless"}
    assert registry.get_sample_value("background_runs_total", label) == 1
    assert registry.get_sample_value("background_failures_total", label) is None
    assert registry.get_sample_value("background_last_success_timestamp_seconds", label) is None


async def test_jobs_listed_in_two_places_share_the_metrics(registry: CollectorRegistry) -> None:
    one, other = Worker(), Worker()
    async with (
        asyncio.timeout(10),
        running(Job("one", one.work), registry=registry),
        running(Job("other", other.work), registry=registry),
    ):
        await one.is_done.wait()
        await other.is_done.wait()
    for job in ("one", "other"):
        assert registry.get_sample_value("background_runs_total", {"job": job}) == 1


class LockOfOne:
    """Is ours at once, and is lost the first time."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def alone(self, name: str, work: Work) -> None:
        self.names.append(name)
        if len(self.names) == 1:
            raise LockLost("the connection is gone")
        await work()


async def test_a_lost_lock_is_asked_for_again(registry: CollectorRegistry, lines: Lines) -> None:
    worker, lock = Worker(), LockOfOne()
    job = Job("single", worker.work, lock=lock, backoff=AT_ONCE)
    async with asyncio.timeout(10), running(job, registry=registry):
        await worker.is_done.wait()
    assert lock.names == ["single", "single"]
    assert [line["event"] for line in lines] == ["background.lock_lost"]
