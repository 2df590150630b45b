"""One at a time among all that share a database, whatever becomes of the connection."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from server.kit.background import LockLost
from server.kit.postgres import Pool, advisory_lock
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.local.home.ports import free_ports
from server.settings import Postgres
from tests.server.kit.conftest import Lines

_HOLDER = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)
"""

Task = asyncio.Task[None]


class Worker:
    """Works until it is let go or cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.has_ended = False

    async def work(self) -> None:
        self.has_begun.set()
        if self.error:
            raise self.error
        try:
            await self.may_end.wait()
        finally:
            self.has_ended = True


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex}"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when a process has tried, was refused and is about to wait."""
    event = asyncio.Event()

    def uniform(_: float, most: float) -> float:
        event.set()
        return most

    monkeypatch.setattr(advisory_lock, "_uniform", uniform)
    return event


@asynccontextmanager
async def working(
    settings: Postgres, name: str, worker: Worker | None = None
) -> AsyncIterator[tuple[Worker, Task]]:
    """A process that wants to do the work, and tries often."""
    worker = worker or Worker()
    lock = AdvisoryLock(settings.database_url, try_every_seconds=0.01)
    task = asyncio.create_task(lock.alone(name, worker.work))
    try:
        yield worker, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_another_begins_when_the_work_has_ended(
    scratch: Postgres, name: str, refused: asyncio.Event
) -> None:
    async with asyncio.timeout(10), working(scratch, name) as (first, task):
        await first.has_begun.wait()
        async with working(scratch, name) as (second, _):
            await refused.wait()
            assert not second.has_begun.is_set()
            first.may_end.set()
            await task
            await second.has_begun.wait()


async def test_a_process_that_stops_leaves_the_work_to_another(
    scratch: Postgres, name: str, refused: asyncio.Event
) -> None:
    async with asyncio.timeout(10), working(scratch, name) as (first, task):
        await first.has_begun.wait()
        async with working(scratch, name) as (second, _):
            await refused.wait()
            task.cancel()
            await second.has_begun.wait()
            assert first.has_ended


async def test_an_error_of_the_work_goes_through_and_leaves_it_to_another(
    scratch: Postgres, name: str
) -> None:
    async with asyncio.timeout(10):
        async with working(scratch, name, Worker(LookupError("a defect"))) as (_, task):
            with pytest.raises(LookupError, match="a defect"):
                await task
            async with working(scratch, name) as (second, _):
                await second.has_begun.wait()


async def test_other_work_has_a_lock_of_its_own(scratch: Postgres, name: str) -> None:
    async with (
        asyncio.timeout(10),
        working(scratch, name) as (one, _),
        working(scratch, f"{name}-other") as (other, _),
    ):
        await one.has_begun.wait()
        await other.has_begun.wait()


async def test_work_stops_when_its_connection_is_lost_and_another_takes_over(
    scratch: Postgres, pool: Pool, name: str
) -> None:
    async with asyncio.timeout(10), working(scratch, name) as (first, task):
        await first.has_begun.wait()
        async with working(scratch, name) as (second, _):
            await pool.execute(
                f"SELECT pg_terminate_backend(({_HOLDER.replace('$1', repr(name))}))"
            )
            with pytest.raises(LockLost):
                await task
            assert first.has_ended
            await second.has_begun.wait()


async def test_work_stops_when_the_server_falls_silent(
    scratch: Postgres, pool: Pool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisory_lock, "_HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(advisory_lock, "_TIMEOUT_SECONDS", 1.0)
    async with asyncio.timeout(10), working(scratch, name) as (worker, task):
        await worker.has_begun.wait()
        holder: int = await pool.fetchval(_HOLDER, name)
        os.kill(holder, signal.SIGSTOP)
        try:
            with pytest.raises(LockLost, match="TimeoutError"):
                await task
        finally:
            os.kill(holder, signal.SIGCONT)
    assert worker.has_ended


async def test_a_database_that_is_away_is_waited_for(name: str, lines: Lines) -> None:
    (port,) = free_ports(1)
    nobody = Postgres(database_url=f"postgresql://a:b@127.0.0.1:{port}/c")
    async with asyncio.timeout(10), working(nobody, name) as (worker, task):
        while not lines:
            await asyncio.wait((task,), timeout=0.01)
        assert not task.done()
    assert not worker.has_begun.is_set()
    assert lines[0]["event"] == "advisory_lock.waiting"
