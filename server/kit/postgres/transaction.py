"""The unit of work: what is read, decided and written together, or not at all.

    async def cancel(unit: UnitOfWork) -> Order:
        [row] = await unit.lock(ORDERS, _LOCK, order_id)
        after, event = rules.cancelled(to_order(row))     # decides purely
        unit.write(ORDERS.update([after]))
        unit.write(outbox.append([event]))
        return after

    order = await transaction(pool, cancel)

What `cancel` writes goes to the database at its end, as one statement. When two transactions
conflict the database rolls one of them back, and it runs again: so `cancel` calls nothing but its
unit. A call's deadline bounds all attempts together.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg

from emporium.deadline import time_left
from server.kit.audit.trail import of_call
from server.kit.backoff import Backoff
from server.kit.postgres.bounded_pool import Connection, Pool
from server.kit.postgres.pool import Record
from server.kit.postgres.translation import translated
from server.kit.postgres.writes import Table, Write, combined

T = TypeVar("T")

_ATTEMPTS_MAX = 3
_BACKOFF = Backoff(first_seconds=0.01, seconds_max=0.02)

_LOCKING = re.compile(r"\bFOR\s+((NO\s+KEY\s+)?UPDATE|(KEY\s+)?SHARE)\b", re.IGNORECASE)

# Two transactions conflicted, and the database rolled this one back.
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class LockOrder(Exception):
    """A unit of work locks rows in an order that could deadlock with others: a defect."""


class UnitOfWork:
    """Reads and locks in one transaction, and collects its writes."""

    __slots__ = ("_connection", "_locked", "_writes", "has_written")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_written = False
        self._writes: list[Write] = []
        self._locked: Table | None = None  # the last, which has the highest `lock_rank`

    async def fetch(self, statement: str, *arguments: Any) -> list[Record]:
        """The rows that `statement` selects, without locking them. Raises `LockOrder`."""
        if _locks(statement):
            raise LockOrder(f"rows are locked by `lock`, which keeps their order: {statement}")
        return await self._connection.fetch(statement, *arguments)

    async def lock(self, table: Table, statement: str, *arguments: Any) -> list[Record]:
        """The rows of `table` that `statement` selects FOR UPDATE, ordered by their key.

        Units that lock rows of several tables do so in rising `lock_rank`, so that no two wait for
        each other. Raises `LockOrder`.
        """
        if not _locks(statement):
            raise LockOrder(f"this locks nothing: {statement}")
        self._locked = _after(self._locked, table)
        return await self._connection.fetch(statement, *arguments)

    def write(self, write: Write) -> None:
        """Adds `write` to what is written when the work is done."""
        self.has_written = True
        self._writes.append(write)

    async def flush(self) -> None:
        """Writes what has been collected."""
        if self._writes:
            whole = combined(self._writes)
            self._writes = []
            await self._connection.execute(whole.statement, *whole.arguments)


def _after(locked: Table | None, table: Table) -> Table:
    """`table`, if a unit that has `locked` may lock it."""
    if table.lock_rank is None:
        raise LockOrder(f"{table.name} has no lock_rank")
    if locked is None or locked.name == table.name:
        return table
    assert locked.lock_rank is not None
    if table.lock_rank <= locked.lock_rank:
        raise LockOrder(
            f"{table.name} (lock_rank {table.lock_rank}) is locked after {locked.name}"
            f" (lock_rank {locked.lock_rank})"
        )
    return table


@lru_cache(maxsize=256)
def _locks(statement: str) -> bool:
    return bool(_LOCKING.search(statement))


async def transaction(
    pool: Pool, work: Callable[[UnitOfWork], Awaitable[T]], *, completes_call: bool = False
) -> T:
    """Runs `work` and commits what it writes; returns its result.

    Where that `completes_call`, because it is the change that the call under way asks for, the
    record of the call is committed with it: see `kit/audit/trail.py`.

    An exception of `work` rolls everything back. Raises `Conflict` when every attempt conflicted,
    and the driver's error when a row violates a constraint.
    """
    trail = of_call(completes_call)

    async def attempt() -> T:
        async with pool.acquire() as connection, connection.transaction():
            unit = UnitOfWork(connection)
            result = await work(unit)
            if unit.has_written and (record := trail.write()):
                unit.write(record)
            await unit.flush()
        trail.committed(has_written=unit.has_written)
        return result

    return await _retried(attempt)


async def write(pool: Pool, writes: Sequence[Write], *, completes_call: bool = False) -> None:
    """Writes without having read: one statement, which is a transaction by itself."""
    trail = of_call(completes_call)
    record = trail.write()
    whole = combined([*writes, record] if record else writes)
    await _retried(lambda: pool.execute(whole.statement, *whole.arguments))
    trail.committed(has_written=True)


async def _retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of `attempt`, which is retried after a conflict while there is time."""
    with translated():
        for failures in range(1, _ATTEMPTS_MAX):
            delay = _BACKOFF.delay(failures)
            try:
                return await attempt()
            except _CONFLICTS:
                if time_left(_BACKOFF.seconds_max) < delay:
                    raise
            await asyncio.sleep(delay)
        return await attempt()
