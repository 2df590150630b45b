"""How a cluster says what it is doing, to whoever wants to hear."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Listens to a cluster's start and life."""

    def begun(self, step: str) -> None:
        """A step begins; several may be under way at once."""

    def done(self, step: str, seconds: float, note: str) -> None:
        """A step has ended well."""

    def failed(self, step: str) -> None:
        """A step has failed; the error follows by another way."""

    def told(self, text: str) -> None:
        """Something happened outside the steps: a child died, or is back."""


class Silent:
    """Listens to nothing."""

    def begun(self, step: str) -> None:
        """See `Progress`."""

    def done(self, step: str, seconds: float, note: str) -> None:
        """See `Progress`."""

    def failed(self, step: str) -> None:
        """See `Progress`."""

    def told(self, text: str) -> None:
        """See `Progress`."""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[list[str]]:
    """Reports the block as a step. What the block appends to the list is noted at its end."""
    notes: list[str] = []
    began = time.monotonic()
    progress.begun(name)
    try:
        yield notes
    except BaseException:
        progress.failed(name)
        raise
    progress.done(name, time.monotonic() - began, ", ".join(notes))
