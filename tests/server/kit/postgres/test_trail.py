"""The record of a call commits with the change that the call makes, and with nothing else."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from server.kit.audit import trail
from server.kit.audit.record import AuditRecord
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter
from server.kit.postgres import Pool
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.writes import Write
from tests.server.kit.audit.records import record


class Notes:
    """A table that changes and records are written to."""

    def __init__(self, pool: Pool, table: str) -> None:
        self.pool = pool
        self._table = table

    def saying(self, text: str) -> Write:
        return Write(f"INSERT INTO {self._table} VALUES ($1)", (text,))

    async def read(self) -> list[str]:
        rows = await self.pool.fetch(f"SELECT text FROM {self._table} ORDER BY text")
        return [row["text"] for row in rows]


class Gathered:
    """Stores in memory what was not committed with a change."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.writer = AuditWriter(self._append, registry=CollectorRegistry())

    async def _append(self, records: Sequence[AuditRecord]) -> None:
        self.records += records


@pytest_asyncio.fixture
async def notes(pool: Pool) -> AsyncIterator[Notes]:
    table = f"notes_{uuid.uuid4().hex}"
    await pool.execute(f"CREATE TABLE {table} (text text NOT NULL)")
    yield Notes(pool, table)


@pytest.fixture
def gathered() -> Gathered:
    return Gathered()


RECORD = record()


@pytest.fixture(autouse=True)
def trail_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has a task of its own; tests may share theirs."""
    monkeypatch.setattr(trail, "_of_call", ContextVar("of a test", default=None))


@pytest_asyncio.fixture
async def sink(notes: Notes, gathered: Gathered) -> CommittingSink:
    """A call is under way that leaves `RECORD`, which stands in the notes as `record`."""
    return CommittingSink(gathered.writer, lambda made: notes.saying("record"))


async def told(sink: CommittingSink, gathered: Gathered) -> list[AuditRecord]:
    """What is stored otherwise, once the call has ended."""
    sink.add(lambda: RECORD)
    await gathered.writer.flush()
    return gathered.records


async def test_it_commits_with_the_change(
    notes: Notes, sink: CommittingSink, gathered: Gathered
) -> None:
    sink.begin(lambda: RECORD)

    async def work(unit: UnitOfWork) -> None:
        unit.write(notes.saying("change"))
        await unit.flush()  # however early

    await transaction(notes.pool, work, completes_call=True)
    await write(notes.pool, [notes.saying("more")], completes_call=True)
    assert await notes.read() == ["change", "more", "record"], "once"
    assert await told(sink, gathered) == []


async def test_a_statement_takes_it_along(
    notes: Notes, sink: CommittingSink, gathered: Gathered
) -> None:
    sink.begin(lambda: RECORD)
    await write(notes.pool, [notes.saying("change")], completes_call=True)
    assert await notes.read() == ["change", "record"]
    assert await told(sink, gathered) == []


async def test_what_does_not_complete_the_call_takes_nothing_along(
    notes: Notes, sink: CommittingSink, gathered: Gathered
) -> None:
    sink.begin(lambda: RECORD)

    async def work(unit: UnitOfWork) -> None:
        unit.write(notes.saying("aside"))

    await transaction(notes.pool, work)
    await write(notes.pool, [notes.saying("besides")])
    assert await notes.read() == ["aside", "besides"]
    assert await told(sink, gathered) == [RECORD]


async def test_what_changes_nothing_takes_nothing_along(
    notes: Notes, sink: CommittingSink, gathered: Gathered
) -> None:
    sink.begin(lambda: RECORD)

    async def work(unit: UnitOfWork) -> None:
        await unit.fetch("SELECT 1")

    await transaction(notes.pool, work, completes_call=True)
    assert await notes.read() == []
    assert await told(sink, gathered) == [RECORD]


async def test_what_is_rolled_back_takes_it_back(
    notes: Notes, sink: CommittingSink, gathered: Gathered
) -> None:
    sink.begin(lambda: RECORD)

    async def work(unit: UnitOfWork) -> None:
        unit.write(notes.saying("change"))
        await unit.flush()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await transaction(notes.pool, work, completes_call=True)
    assert await notes.read() == []
    assert await told(sink, gathered) == [RECORD]


async def test_without_a_change_that_fits_and_without_a_record_nothing_is_written(
    notes: Notes, sink: CommittingSink
) -> None:
    sink.begin(lambda: None)
    await write(notes.pool, [notes.saying("change")], completes_call=True)
    assert await notes.read() == ["change"]


async def test_what_has_committed_is_told_when_the_call_has_ended(
    notes: Notes, gathered: Gathered
) -> None:
    ended: list[AuditRecord] = []
    sink = CommittingSink(gathered.writer, lambda made: notes.saying("record"), ended.append)
    sink.begin(lambda: RECORD)
    await write(notes.pool, [notes.saying("change")], completes_call=True)
    sink.add(lambda: record(outcome="CANCELLED"))
    assert ended == [RECORD], "as it was committed"
