"""Restarts a part when its process dies, with a back-off, and reports it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from server.kit.backoff import Backoff
from server.local.errors import LocalError
from server.local.process.part import Part
from server.local.progress import Progress

BACKOFF = Backoff(first_seconds=0.2, seconds_max=10.0)
# A part that ran for this long starts with the short delay again.
STABLE_SECONDS = 20.0


class Supervisor:
    """Supervises one part from `start` to `stop`.

    `changed` is called whenever the part's process has started or ended; an `OSError` of it is
    reported and does not stop the supervision.
    """

    def __init__(self, part: Part, progress: Progress, changed: Callable[[], None]) -> None:
        self.part = part
        self.name = part.child.name
        self.ready = asyncio.Event()  # set while the part is ready
        self._progress = progress
        self._changed = changed
        part.child.spawned = self._note_change
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the part and supervises it. Raises `LocalError` when it does not become ready."""
        try:
            await self._start()
        except BaseException:
            await self.part.stop()
            raise
        self._watch = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")

    async def stop(self) -> None:
        """Stops the part and its supervision."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self.ready.clear()
        await self.part.stop()
        self._note_change()

    async def _start(self) -> None:
        await self.part.start()
        self.ready.set()

    async def _supervise(self) -> None:
        failures = 0  # in a row
        while True:
            started = time.monotonic()
            await self.part.child.wait()
            self.ready.clear()
            self._note_change()
            self._progress.reported(str(self.part.child.died()))
            if time.monotonic() - started > STABLE_SECONDS:
                failures = 0
            failures = await self._restart(failures)
            self._progress.reported(f"{self.name} is ready again (process {self.part.child.pid})")

    async def _restart(self, failures: int) -> int:
        """Tries until the part is ready; returns how often it has failed in a row."""
        while True:
            failures += 1
            delay = BACKOFF.delay(failures)
            self._progress.reported(f"{self.name} restarts in {delay:.1f} s")
            await asyncio.sleep(delay)
            try:
                await self._start()
            except Exception as error:  # noqa: BLE001 -- whatever it is, only this task can try again
                await self.part.stop()
                known = isinstance(error, LocalError)
                self._progress.reported(str(error) if known else f"{self.name}: {error!r}")
            else:
                return failures

    def _note_change(self) -> None:
        try:
            self._changed()
        except OSError as error:
            self._progress.reported(f"cluster.json could not be written: {error}")
