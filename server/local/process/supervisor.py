"""Keeps a part alive: notices its death, tells of it, and starts it again after a pause."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from server.local.errors import LocalError
from server.local.process.part import Part
from server.local.progress import Progress

FIRST_PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 10.0
# After living this long a part is given its short pause again.
STEADY_SECONDS = 20.0


class Keeper:
    """Watches one part from `start` to `stop`.

    `changed` is called whenever the part's process has begun or ended; its `OSError` is told.
    """

    def __init__(self, part: Part, progress: Progress, changed: Callable[[], None]) -> None:
        self.part = part
        self.name = part.child.name
        self.up = asyncio.Event()  # set while the part is ready
        self._progress = progress
        self._changed = changed
        part.child.spawned = self._note_change
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the part and watches over it. Raises `LocalError` when it does not come up."""
        try:
            await self._start()
        except BaseException:
            await self.part.stop()
            raise
        self._watch = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def stop(self) -> None:
        """Stops the part, and no longer watches over it."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self.up.clear()
        await self.part.stop()
        self._note_change()

    async def _start(self) -> None:
        await self.part.start()
        self.up.set()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            await self.part.child.wait()
            self.up.clear()
            self._note_change()
            self._progress.told(str(self.part.child.death()))
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            pause = await self._revive(pause)
            self._progress.told(f"{self.name} is back (process {self.part.child.pid})")

    async def _revive(self, pause: float) -> float:
        """Tries until the part is up; gives the pause to take when it dies again soon."""
        while True:
            self._progress.told(f"{self.name} is started again in {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
            try:
                await self._start()
            except Exception as error:  # noqa: BLE001 -- whatever it is, nobody else tries again
                await self.part.stop()
                known = isinstance(error, LocalError)
                self._progress.told(str(error) if known else f"{self.name}: {error!r}")
            else:
                return pause

    def _note_change(self) -> None:
        try:
            self._changed()
        except OSError as error:
            self._progress.told(f"what runs now could not be written down: {error}")
