"""The unit of work: what is read, decided and written together, or not at all.

    async def cancel(unit: UnitOfWork) -> Order:
        [row] = await unit.lock(ORDERS, _LOCK, order_id)
        after, event = rules.cancelled(to_order(row))     # decides purely
        unit.write(ORDERS.update([after]))
        unit.write(outbox.append([event]))
        return after

    order = await transaction(pool, cancel)

What `cancel` writes goes to the database at its end, as one statement. When two transactions get
in each other's way the database undoes one of them, and it runs again: so `cancel` calls nobody
but its unit. A call's deadline bounds all attempts together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg

from emporium.deadline import time_left
from server.kit.backoff import Backoff
from server.kit.postgres.pool import Connection, Pool, Record
from server.kit.postgres.translation import translated
from server.kit.postgres.writes import Table, Write, combined

T = TypeVar("T")

_ATTEMPTS_MAX = 3
_BACKOFF = Backoff(first_seconds=0.01, seconds_max=0.02)

# What the database undoes when two transactions get in each other's way; nothing was written.
_MET = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class LockOrder(Exception):
    """A unit of work locks rows in an order that could deadlock with others: a defect."""


class UnitOfWork:
    """Reads and locks in one transaction, and collects what it shall write."""

    __slots__ = ("_connection", "_locked", "_writes")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writes: list[Write] = []
        self._locked = 0  # the highest `lock_rank` so far

    async def fetch(self, statement: str, *arguments: Any) -> list[Record]:
        """The rows that `statement` selects."""
        return await self._connection.fetch(statement, *arguments)

    async def lock(self, table: Table, statement: str, *arguments: Any) -> list[Record]:
        """The rows of `table` that `statement` selects FOR UPDATE, ordered by their key.

        Units that lock rows of several tables do so by rising `lock_rank`, so that no two wait for
        each other. Raises `LockOrder`.
        """
        if table.lock_rank < self._locked:
            raise LockOrder(f"{table.name} is locked before what this unit holds already")
        self._locked = table.lock_rank
        return await self._connection.fetch(statement, *arguments)

    def write(self, write: Write) -> None:
        """Writes this too, when the work is done."""
        self._writes.append(write)

    async def flush(self) -> None:
        """Writes what has been collected."""
        if self._writes:
            whole = combined(self._writes)
            self._writes = []
            await self._connection.execute(whole.statement, *whole.arguments)


async def transaction(pool: Pool, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """Runs `work` and commits what it writes; gives what it gave.

    What `work` raises undoes everything. Raises `Conflict` when others keep getting in the way,
    and the driver's error for a row that a constraint refuses.
    """

    async def attempt() -> T:
        async with pool.acquire() as connection, connection.transaction():
            unit = UnitOfWork(connection)
            result = await work(unit)
            await unit.flush()
            return result

    return await _retried(attempt)


async def write(pool: Pool, writes: Sequence[Write]) -> None:
    """Writes without having read: one statement, which is a transaction by itself."""
    whole = combined(writes)
    await _retried(lambda: pool.execute(whole.statement, *whole.arguments))


async def _retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` gives. It runs again when the database asks for it and there is time."""
    with translated():
        for failures in range(1, _ATTEMPTS_MAX):
            delay = _BACKOFF.delay(failures)
            try:
                return await attempt()
            except _MET:
                if time_left(_BACKOFF.seconds_max) < delay:
                    raise
            await asyncio.sleep(delay)
        return await attempt()
