"""What a process does beside its calls: by the clock, or for as long as it runs.

A service's `app.py` lists its jobs inside the pools that they use, so that they end before those
close:

    async with (
        postgres.connected(settings.postgres) as pool,
        background.running(key_expiry(pool, AdvisoryLock(dsn)), ...),
        lifecycle.serving(...),
    ):

A job that crashes is logged with its traceback, counted, and begun again after a back-off. One that
finds a database or a neighbour away is logged in one line.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from server.kit import errors
from server.kit.backoff import Backoff
from server.kit.telemetry import brief

_BACKOFF = Backoff(first_seconds=1.0, seconds_max=60.0)
_STEADY_SECONDS = 60.0  # a run that was this long or ended well makes the next failure the first
_CANCEL_SECONDS = 5.0
_JITTER = 0.1
_SECONDS_BUCKETS = (0.01, 0.1, 1, 10, 60, 600, 3600)

Work = Callable[[], Awaitable[object]]

_log = structlog.get_logger()
_uniform = random.SystemRandom().uniform


class LockLost(Exception):
    """This process can no longer be sure to be the only one that runs a job."""


class Lock(Protocol):
    """Lets one process at a time do something, among all that share the lock."""

    async def alone(self, name: str, work: Work) -> None:
        """Waits until `name` is ours, does `work`, and gives `name` back.

        What `work` raises goes through. Raises `LockLost`, after `work` was cancelled and has
        ended, when somebody else may have `name`.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in the background, under a name for logs, metrics and the lock.

    With `every_seconds` it is done at once, and then again and again, with that long (a tenth more
    or less) between the end of one run and the next. Without, it is done until `work` returns.

    With a `lock`, one process at a time does it. It keeps the lock between its runs, so the others
    only wait, and take over when it stops, crashes or loses the lock.

    With `stop`, it is asked to end and has `grace_seconds` to return before it is cancelled.
    """

    name: str
    work: Work
    every_seconds: float | None = None
    lock: Lock | None = None
    stop: Callable[[], None] | None = None
    grace_seconds: float = 0.0
    backoff: Backoff = _BACKOFF


@asynccontextmanager
async def running(*jobs: Job, registry: CollectorRegistry = REGISTRY) -> AsyncIterator[None]:
    """Does `jobs` while the block runs. On leaving, each has ended before this returns."""
    metrics = _metrics(registry)
    tasks = [asyncio.create_task(_Supervisor(job, metrics).run(), name=job.name) for job in jobs]
    try:
        yield
    finally:
        await asyncio.gather(*(_end(job, task) for job, task in zip(jobs, tasks, strict=True)))


async def _end(job: Job, task: "asyncio.Task[None]") -> None:
    if job.stop:
        job.stop()
        await asyncio.wait((task,), timeout=job.grace_seconds)
    task.cancel()
    # A driver whose server hangs takes its time to hear that it is cancelled.
    if not (await asyncio.wait((task,), timeout=_CANCEL_SECONDS))[0]:
        _log.error("background.left_behind", job=job.name)


class _Supervisor:
    """Keeps one job at work."""

    def __init__(self, job: Job, metrics: "_Metrics") -> None:
        self._job = job
        self._metrics = metrics
        self._failures = 0  # in a row

    async def run(self) -> None:
        """Returns when the work has returned; work at intervals never does."""
        job = self._job
        while True:
            try:
                await (job.lock.alone(job.name, self._work) if job.lock else self._work())
            except (Exception, asyncio.CancelledError) as error:
                if _is_stopping(error):
                    raise
                self._failures += 1
                delay = job.backoff.delay(self._failures)
                _tell(job, error, delay)
                await asyncio.sleep(delay)
            else:
                return

    async def _work(self) -> None:
        await self._once()
        while self._job.every_seconds is not None:
            await asyncio.sleep(self._job.every_seconds * _uniform(1 - _JITTER, 1 + _JITTER))
            await self._once()

    async def _once(self) -> None:
        name, began = self._job.name, time.monotonic()
        self._metrics.runs.labels(name).inc()
        try:
            await self._job.work()
        except (Exception, asyncio.CancelledError) as error:
            if not _is_stopping(error):
                self._metrics.failures.labels(name).inc()
            if time.monotonic() - began >= _STEADY_SECONDS:
                self._failures = 0
            raise
        else:
            self._failures = 0
            self._metrics.last_success.labels(name).set_to_current_time()
        finally:
            self._metrics.seconds.labels(name).observe(time.monotonic() - began)


def _is_stopping(error: BaseException) -> bool:
    """Whether we are cancelled, and not something that the work waited for: that is a crash."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())


def _tell(job: Job, error: BaseException, delay: float) -> None:
    about = {"job": job.name, "next_try_seconds": round(delay, 3)}
    if isinstance(error, LockLost):
        _log.warning("background.lock_lost", error=brief(error), **about)
    elif isinstance(error, errors.Unavailable | errors.DeadlineExceeded):
        _log.warning("background.failed", error=brief(error), **about)
    else:
        _log.error("background.crashed", exc_info=error, **about)


class _Metrics:
    """What operators see of the jobs, by their names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "background_runs_total", "Runs of a job that have begun.", ["job"], registry=registry
        )
        self.failures = Counter(
            "background_failures_total", "Runs of a job that failed.", ["job"], registry=registry
        )
        self.seconds = Histogram(
            "background_run_seconds",
            "How long runs of a job took.",
            ["job"],
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        # Absent until there was one, so that a replica that waits for a lock raises no alarm.
        self.last_success = Gauge(
            "background_last_success_timestamp_seconds",
            "When a run of a job last ended well, in Unix time.",
            ["job"],
            registry=registry,
        )


@cache
def _metrics(registry: CollectorRegistry) -> _Metrics:
    """The same for all jobs of a process, wherever they are listed: a registry takes them once."""
    return _Metrics(registry)
