"""The interface through which a cluster reports what it is doing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives the events of a cluster's start and of its life afterwards."""

    def started(self, step: str) -> None:
        """A step has started; several may run at once."""

    def finished(self, step: str, seconds: float, note: str) -> None:
        """A step has succeeded."""

    def failed(self, step: str) -> None:
        """A step has failed; its error is raised, not reported."""

    def reported(self, text: str) -> None:
        """Something happened outside the steps: a child died, or runs again."""


class Silent:
    """Ignores all events."""

    def started(self, step: str) -> None:
        """See `Progress`."""

    def finished(self, step: str, seconds: float, note: str) -> None:
        """See `Progress`."""

    def failed(self, step: str) -> None:
        """See `Progress`."""

    def reported(self, text: str) -> None:
        """See `Progress`."""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[list[str]]:
    """Reports the block as a step, with the notes that the block appends to the list."""
    notes: list[str] = []
    began = time.monotonic()
    progress.started(name)
    try:
        yield notes
    except BaseException:
        progress.failed(name)
        raise
    progress.finished(name, time.monotonic() - began, ", ".join(notes))
