"""One pool of PostgreSQL connections, opened when a service starts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from server.kit import errors
from server.kit.backoff import Backoff
from server.kit.postgres.room import room
from server.kit.postgres.translation import AWAY
from server.kit.shares import Shares, sharer
from server.settings import Postgres, SettingsError

# The driver's classes are generic in its stubs only.
if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy

Record = asyncpg.Record

_log = structlog.get_logger()

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)
_CLOSE_SECONDS = 5.0

# What one caller may have of the connections at a time, so that others find some, and a database
# that is not busy with the statements of one.
_SHARE = 0.3

# Errors that mean that the settings are wrong, so that it is no use to wait for the server.
_MISDIRECTED = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


@asynccontextmanager
async def connected(settings: Postgres) -> AsyncIterator[Pool]:
    """A pool on `settings.database_url`, waiting for the server for a while if it must.

    Raises `Unavailable` when it does not come up within `connect_timeout_seconds`, and
    `SettingsError` when it refuses us.
    """
    if not settings.database_url:
        raise SettingsError("DATABASE_URL is not set")
    pool = await _connect(settings)
    try:
        yield pool
    finally:
        await _close(pool)


async def _connect(settings: Postgres) -> Pool:
    retries = _BACKOFF.retries(settings.connect_timeout_seconds)
    while True:
        try:
            return await _BoundedPool(
                settings.database_url,
                acquire_timeout_seconds=settings.acquire_timeout_seconds,
                min_size=settings.pool_size_min,
                max_size=settings.pool_size_max,
                command_timeout=settings.command_timeout_seconds,
                timeout=settings.acquire_timeout_seconds,
                # By default the pool resets the session at every release, by a query. Ours
                # have no session state (no SET, no advisory lock, no LISTEN) to reset.
                reset=_keep,
                **_AS_CREATE_POOL_HAS_THEM,
            )
        except _MISDIRECTED as error:
            raise SettingsError(f"DATABASE_URL: {error}") from error
        except AWAY as error:
            delay = retries.failed()
            if delay is None:
                raise errors.Unavailable(f"PostgreSQL cannot be reached: {error}") from error
            _log.warning("postgres.waiting", error=str(error), next_try_seconds=round(delay, 3))
        await asyncio.sleep(delay)


async def _close(pool: Pool) -> None:
    """Waits for running statements; not for ever, because a server may hang."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        _log.warning("postgres.cut_off")
        pool.terminate()


# The defaults of `asyncpg.create_pool`, which makes pools of its own class only.
_AS_CREATE_POOL_HAS_THEM: dict[str, Any] = {
    "max_queries": 50_000,
    "max_inactive_connection_lifetime": 300.0,  # seconds
    "loop": None,
    "connection_class": asyncpg.Connection,
    "record_class": asyncpg.Record,
}


class _BoundedPool(Pool):
    """A pool in which nobody waits longer than `acquire_timeout_seconds` for a connection.

    The driver can bound that wait only by a timer for each acquire. Here a timer is set only when
    no connection is idle.

    One caller has its share of them at most; for one of its own it may wait until its deadline.
    """

    def __init__(self, *arguments: Any, acquire_timeout_seconds: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._acquire_timeout_seconds = acquire_timeout_seconds
        self._shares = Shares(max(1, round(options["max_size"] * _SHARE)))

    def acquire(self, *, timeout: float | None = None) -> Any:
        """As the driver's, with our timeout where the caller gives none."""
        name = sharer.get()
        if name:
            return _Shared(self._shares, name, partial(self._next, timeout))
        return self._next(timeout)

    def _next(self, timeout: float | None) -> Any:
        if timeout is None and not self.get_idle_size():
            timeout = self._acquire_timeout_seconds
        return super().acquire(timeout=timeout)


class _Shared:
    """A connection for the length of a block, out of somebody's share."""

    __slots__ = ("_acquire", "_acquired", "_name", "_shares")

    def __init__(self, shares: Shares, name: str, acquire: Callable[[], Any]) -> None:
        self._shares = shares
        self._name = name
        self._acquire = acquire

    async def __aenter__(self) -> Any:
        await self._shares.take(self._name)
        try:
            self._acquired = self._acquire()
            return await self._acquired.__aenter__()
        except BaseException:
            self._shares.give_back(self._name)
            raise

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._acquired.__aexit__(*error)
        finally:
            self._shares.give_back(self._name)


async def _keep(connection: Any) -> None:
    """Nothing to reset."""


async def ping(pool: Pool) -> None:
    """Raises when the database does not answer, or has just had no room for a write."""
    await pool.fetchval("SELECT 1")
    room.check()
