"""Rings for a relay: at once in this process, by NOTIFY in the others.

NOTIFY is sent here, after the commit and for many of them together, not in the transaction that
writes the event: PostgreSQL lets transactions that notify commit only one after the other, which
held ten connections to a third of their rate.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from server.kit.postgres import AWAY

_CHANNEL = "outbox"
_INTERVAL_SECONDS = 0.1  # between two notifications
_TIMEOUT_SECONDS = 5.0
_FIRST_DELAY_SECONDS = 0.1
_DELAY_SECONDS_MAX = 5.0

_log = structlog.get_logger()


class Doorbell:
    """One connection that listens and notifies, opened again whenever it is lost."""

    def __init__(self, dsn: str, wake: Callable[[], None]) -> None:
        self._dsn = dsn
        self._wake = wake
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Says that an event has been committed. Costs nothing and never fails."""
        self._wake()
        self._rung.set()

    async def run(self) -> None:
        """Listens and notifies until cancelled."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            try:
                connection = await asyncpg.connect(
                    self._dsn, timeout=_TIMEOUT_SECONDS, command_timeout=_TIMEOUT_SECONDS
                )
                delay = _FIRST_DELAY_SECONDS
                await self._attend(connection)
            except AWAY as error:
                _log.warning("outbox.doorbell_lost", error=str(error), next_try_seconds=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _DELAY_SECONDS_MAX)

    async def _attend(self, connection: Any) -> None:
        """Raises one of `AWAY` when the connection is lost."""
        own_pid = connection.get_server_pid()

        def heard(_: object, pid: int, *__: object) -> None:
            if pid != own_pid:
                self._wake()

        try:
            # A lost connection rings too, and is then found out by the notification that fails.
            connection.add_termination_listener(lambda _: self._rung.set())
            await connection.add_listener(_CHANNEL, heard)
            self._wake()  # for what was rung while nobody listened
            while True:
                await self._rung.wait()
                self._rung.clear()
                await connection.execute(f"NOTIFY {_CHANNEL}")
                await asyncio.sleep(_INTERVAL_SECONDS)
        finally:
            connection.terminate()
