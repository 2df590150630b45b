"""The driver's pool, made cheap to borrow from, and with an end to every wait.

To take a connection from the driver and to give it back costs more than a small statement: a task,
a shield, timers, a look at every connection. It was 137,000 of the 768,000 instructions of a
GetUser (asyncpg 0.32 by callgrind, November 2026). So a connection that comes back in good order
stays here, acquired, until the end; only one that met an error goes back to the driver, which knows
what to do with it.
"""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import asyncpg

from server.kit.shares import Shares, sharer

# The driver's classes are generic in its stubs only.
if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy


# What one caller may have of the connections at a time, so that others find some, and a database
# that is not busy with the statements of one.
_SHARE = 0.3


class BoundedPool(Pool):
    """A pool in which nobody waits longer than `acquire_timeout_seconds` for a connection.

    One caller has its share of them at most; for one of its own it may wait until its deadline.
    `async with pool.acquire()` is the only way to borrow one.
    """

    def __init__(
        self, *arguments: Any, acquire_timeout_seconds: float, max_size: int, **options: Any
    ) -> None:
        super().__init__(*arguments, max_size=max_size, **options)
        self._timeout_seconds = acquire_timeout_seconds
        # One for each connection that there may be: the connection, or None when the driver has it.
        # The one that came back last is lent first.
        self._slots: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(max_size):
            self._slots.put_nowait(None)
        self._ends = False
        self._shares = Shares(max(1, round(max_size * _SHARE)))

    def acquire(self, *, timeout: float | None = None) -> Any:
        """A context manager that lends a connection. Raises `TimeoutError`."""
        return _Loan(self, self._timeout_seconds if timeout is None else timeout)

    async def take(self, name: str, timeout_seconds: float) -> Connection:
        """A connection out of the share of `name`, which must be given back."""
        if name and not self._shares.take_now(name):
            await self._shares.take(name)
        try:
            return await self._take(timeout_seconds)
        except BaseException:
            if name:
                self._shares.give_back(name)
            raise

    async def _take(self, timeout_seconds: float) -> Connection:
        try:
            connection = self._slots.get_nowait()
        except asyncio.QueueEmpty:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._slots.get()
        if connection is not None and _is_open(connection):
            return connection
        return await self._opened(connection, timeout_seconds)

    async def give_back(self, connection: Connection, name: str, *, met_error: bool) -> None:
        """Keeps it for whoever is next, or leaves one that may be no good to the driver."""
        if name:
            self._shares.give_back(name)
        if not met_error and not self._ends:
            self._slots.put_nowait(connection)
            return
        try:
            await self.release(connection)
        finally:
            self._slots.put_nowait(None)

    async def close(self) -> None:
        """As the driver's, which waits until it has all of its connections back."""
        self._ends = True
        slots = [self._slots.get_nowait() for _ in range(self._slots.qsize())]
        for connection in slots:
            self._slots.put_nowait(None)  # whoever comes now hears from the driver that it is late
            if connection is not None:
                await self.release(connection)
        await super().close()

    async def _opened(self, ended: Connection | None, timeout_seconds: float) -> Connection:
        """One of the driver's, in the place of one that has ended while nobody had it."""
        try:
            if ended is not None:
                await self.release(ended)
            made: Connection = await super().acquire(timeout=timeout_seconds)
        except BaseException:
            self._slots.put_nowait(None)
            raise
        return made


def _is_open(connection: Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it has ended, and the driver has taken it back already
        return False


class _Loan:
    """A connection for the time of a block."""

    __slots__ = ("_connection", "_name", "_pool", "_timeout_seconds")

    _connection: Connection

    def __init__(self, pool: BoundedPool, timeout_seconds: float) -> None:
        self._pool = pool
        self._name = sharer.get()
        self._timeout_seconds = timeout_seconds

    async def __aenter__(self) -> Connection:
        self._connection = connection = await self._pool.take(self._name, self._timeout_seconds)
        return connection

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[None]:
        return self._pool.give_back(self._connection, self._name, met_error=error is not None)
