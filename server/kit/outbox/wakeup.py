"""Wakes relays when there is something to send: at once in this process, by NOTIFY in the others.

NOTIFY is sent here, after the commit and for many of them together, not in the transaction that
writes the event: PostgreSQL lets transactions that notify commit only one after the other, which
held ten connections to a third of their rate.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from server.kit.backoff import Backoff
from server.kit.postgres import AWAY
from server.kit.telemetry import brief

_CHANNEL = "outbox"
_INTERVAL_SECONDS = 0.1  # between two notifications
_TIMEOUT_SECONDS = 5.0
_BACKOFF = Backoff(first_seconds=0.1, seconds_max=5.0)

_log = structlog.get_logger()


class Wakeup:
    """One connection that listens and notifies, opened again whenever it is lost."""

    def __init__(self, dsn: str, wake: Callable[[], None]) -> None:
        self._dsn = dsn
        self._wake = wake
        self._committed = asyncio.Event()
        self._losses = 0  # in a row

    def notify(self) -> None:
        """Says that an event has been committed. Costs nothing and never fails."""
        self._wake()
        self._committed.set()

    async def run(self) -> None:
        """Listens and notifies until cancelled."""
        while True:
            try:
                connection = await asyncpg.connect(
                    self._dsn, timeout=_TIMEOUT_SECONDS, command_timeout=_TIMEOUT_SECONDS
                )
                self._losses = 0
                await self._attend(connection)
            except AWAY as error:
                self._losses += 1
                delay = _BACKOFF.delay(self._losses)
                _log.warning(
                    "outbox.wakeup_lost", error=brief(error), next_try_seconds=round(delay, 3)
                )
                await asyncio.sleep(delay)

    async def _attend(self, connection: Any) -> None:
        """Raises one of `AWAY` when the connection is lost."""
        own_pid = connection.get_server_pid()

        def notified(_: object, pid: int, *__: object) -> None:
            if pid != own_pid:
                self._wake()

        try:
            # A lost connection is found out by the notification that fails.
            connection.add_termination_listener(lambda _: self._committed.set())
            await connection.add_listener(_CHANNEL, notified)
            self._wake()  # for what was committed while nobody listened
            while True:
                await self._committed.wait()
                self._committed.clear()
                await connection.execute(f"NOTIFY {_CHANNEL}")
                await asyncio.sleep(_INTERVAL_SECONDS)
        finally:
            connection.terminate()
