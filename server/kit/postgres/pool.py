"""One pool of PostgreSQL connections, opened when a service starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog

from server.kit import errors
from server.kit.backoff import Backoff
from server.kit.postgres.bounded_pool import BoundedPool, Pool
from server.kit.postgres.room import room
from server.kit.postgres.translation import AWAY
from server.kit.telemetry import brief
from server.settings import Postgres, SettingsError

Record = asyncpg.Record

_log = structlog.get_logger()

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)
_CLOSE_SECONDS = 5.0

# Errors that mean that the settings are wrong, so that it is no use to wait for the server.
# The driver's own words repeat parts of the URL.
_MISDIRECTED: dict[type[Exception], str] = {
    asyncpg.InvalidAuthorizationSpecificationError: "the server refuses its user or password",
    asyncpg.InvalidCatalogNameError: "the server has no such database",
    asyncpg.ClientConfigurationError: "it cannot be read as a URL",
    ValueError: "it cannot be read as a URL",
}


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


async def _connect(settings: Postgres) -> BoundedPool:
    retries = _BACKOFF.retries(settings.connect_timeout_seconds)
    while True:
        try:
            return await BoundedPool(
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
        except tuple(_MISDIRECTED) as error:
            why = next(text for kind, text in _MISDIRECTED.items() if isinstance(error, kind))
            raise SettingsError(f"DATABASE_URL: {why}") from error
        except AWAY as error:
            delay = retries.failed()
            if delay is None:
                raise errors.Unavailable(f"PostgreSQL cannot be reached: {brief(error)}") from error
            _log.warning("postgres.waiting", error=brief(error), next_try_seconds=round(delay, 3))
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


async def _keep(connection: Any) -> None:
    """Nothing to reset."""


async def ping(pool: Pool) -> None:
    """Raises when the database does not answer, or has just had no room for a write."""
    await pool.fetchval("SELECT 1")
    room.check()
