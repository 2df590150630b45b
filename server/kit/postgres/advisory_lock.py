"""One process at a time, among all on one database, by PostgreSQL's advisory locks.

The lock belongs to a session, and so to a connection of its own: PostgreSQL releases it when
that ends, whichever side has died. A connection through a pooler in transaction mode does not do.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from server.kit.background import LockLost, Work
from server.kit.backoff import Backoff
from server.kit.postgres.translation import AWAY
from server.kit.telemetry import brief

_BACKOFF = Backoff(first_seconds=0.5, seconds_max=10.0)
_TRY_EVERY_SECONDS = 10.0
_HEARTBEAT_SECONDS = 5.0
_TIMEOUT_SECONDS = 5.0  # to connect, and for each statement

# With these the server notices within 30 seconds that our machine has vanished. Our heartbeat
# notices a lost server in a third of that, so a job ends here before another process begins it.
_SESSION = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"

_log = structlog.get_logger()
_uniform = random.SystemRandom().uniform


class AdvisoryLock:
    """A `Lock` for jobs, on the database at `dsn`.

    A waiting process tries every `try_every_seconds`, and holds no connection in between.
    """

    def __init__(self, dsn: str, try_every_seconds: float = _TRY_EVERY_SECONDS) -> None:
        self._dsn = dsn
        self._try_every_seconds = try_every_seconds

    async def alone(self, name: str, work: Work) -> None:
        """See `Lock.alone`."""
        connection = await self._locked(name)
        _log.info("advisory_lock.held", name=name)
        try:
            await _while_connected(connection, work)
        finally:
            connection.terminate()

    async def _locked(self, name: str) -> Any:
        """A connection that holds `name`."""
        failures = 0
        while True:
            try:
                if connection := await self._try(name):
                    return connection
                failures = 0
                delay = self._try_every_seconds * _uniform(0.9, 1.1)
            except AWAY as error:
                failures += 1
                delay = _BACKOFF.delay(failures)
                _log.warning(
                    "advisory_lock.waiting", error=brief(error), next_try_seconds=round(delay, 3)
                )
            await asyncio.sleep(delay)

    async def _try(self, name: str) -> Any:
        """A connection that holds `name`, or None when another connection does."""
        connection = await asyncpg.connect(
            self._dsn,
            timeout=_TIMEOUT_SECONDS,
            command_timeout=_TIMEOUT_SECONDS,
            server_settings=_SESSION,
        )
        is_ours = False
        try:
            is_ours = await connection.fetchval(_TRY_LOCK, name)
        finally:
            if not is_ours:
                connection.terminate()
        return connection if is_ours else None


async def _while_connected(connection: Any, work: Work) -> None:
    working = asyncio.ensure_future(work())
    watching = asyncio.create_task(_until_lost(connection))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise LockLost(watching.result())
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
    await working


async def _until_lost(connection: Any) -> str:
    """Returns when the connection no longer answers, with the reason."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_SECONDS):
                await lost.wait()
        try:
            await connection.execute("SELECT 1")
        except Exception as error:  # noqa: BLE001 - whatever it is, the lock is no longer certain
            return brief(error)
