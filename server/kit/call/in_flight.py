"""Counts the calls that have begun and not ended, so that a stopping process can wait for them."""

import asyncio
from contextlib import suppress
from typing import ClassVar

from server.kit.call.layers import Watch
from server.kit.call.method import Rpc
from server.kit.call.status import Refusal
from server.kit.context import Context


class InFlight:
    """How many calls are under way in this process."""

    inside_of: ClassVar[tuple[type, ...]] = ()

    def __init__(self) -> None:
        self.count = 0
        self._idle: asyncio.Event | None = None

    def watch(self, rpc: Rpc) -> Watch:
        """The same count for every rpc."""
        return Watch(self._start, self._end)

    async def ended(self, timeout_seconds: float) -> None:
        """Returns when nothing is under way, or after `timeout_seconds`."""
        if not self.count:
            return
        self._idle = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()

    def _start(self, context: Context) -> None:
        self.count += 1

    def _end(self, context: Context, outcome: Refusal | None) -> None:
        self.count -= 1
        if not self.count and self._idle:
            self._idle.set()
