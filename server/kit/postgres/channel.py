"""Tells the other processes of a service, by NOTIFY, what has been committed.

NOTIFY is sent here, after the commit and for many of them together, not in the transaction that
writes: PostgreSQL lets transactions that notify commit only one after the other, which held ten
connections to a third of their rate. So a process that dies between the two tells nobody: what is
heard is a hint, and who relies on it looks by itself now and then.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import asyncpg
import structlog

from server.kit.backoff import Backoff
from server.kit.postgres import AWAY
from server.kit.telemetry import brief

ANYTHING = ""
"""What is told, and heard, where it is not said what has changed."""

_INTERVAL_SECONDS = 0.1  # between two notifications
_TIMEOUT_SECONDS = 5.0
_BACKOFF = Backoff(first_seconds=0.1, seconds_max=5.0)
_NAMES_MAX = 1_000  # that wait to be told; beyond, anything may have changed
_NAMES_TOGETHER = 100  # in one notification, which may have 8,000 bytes: ids have 36

_TELL = "SELECT pg_notify($1, part) FROM unnest($2::text[]) AS part"

_log = structlog.get_logger()

Heard = Callable[[Sequence[str]], None]
"""Takes the names of what has changed, of which `ANYTHING` is one; never fails."""


class Channel:
    """One connection that listens and notifies, opened again whenever it is lost."""

    def __init__(self, dsn: str, name: str, heard: Heard) -> None:
        self._dsn = dsn
        self._name = name
        self._heard = heard
        self._untold: dict[str, None] = {}  # in their order
        self._has_more = asyncio.Event()  # to tell, or to find out
        self._losses = 0  # in a row

    def tell(self, changed: str = ANYTHING) -> None:
        """Says that `changed`, a name without commas, has: here at once, and to the others soon.

        Costs nothing and never fails.
        """
        self._heard((changed,))
        if len(self._untold) >= _NAMES_MAX:
            self._untold.clear()
            changed = ANYTHING
        self._untold[changed] = None
        self._has_more.set()

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
                    f"{self._name}.wakeup_lost",
                    error=brief(error),
                    next_try_seconds=round(delay, 3),
                )
                await asyncio.sleep(delay)

    async def _attend(self, connection: Any) -> None:
        """Raises one of `AWAY` when the connection is lost."""
        own_pid = connection.get_server_pid()

        def notified(_: object, pid: int, __: str, payload: str) -> None:
            if pid != own_pid:
                self._heard(payload.split(","))

        try:
            # A lost connection is found out by the notification that fails.
            connection.add_termination_listener(lambda _: self._has_more.set())
            await connection.add_listener(self._name, notified)
            self._heard((ANYTHING,))  # for what was committed while nobody listened
            while True:
                if not self._untold:
                    await self._has_more.wait()
                self._has_more.clear()
                names = [*self._untold] or [ANYTHING]
                await connection.execute(_TELL, self._name, [*_parts(names)])
                for each in names:
                    self._untold.pop(each, None)
                await asyncio.sleep(_INTERVAL_SECONDS)
        finally:
            connection.terminate()


def _parts(names: Sequence[str]) -> Iterator[str]:
    for first in range(0, len(names), _NAMES_TOGETHER):
        yield ",".join(names[first : first + _NAMES_TOGETHER])
