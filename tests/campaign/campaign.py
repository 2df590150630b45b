"""What a campaign is, and which ones there are."""

import importlib
import pkgutil
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console

from tests.bench.report import Row
from tests.campaign import campaigns


@dataclass(frozen=True)
class Setting:
    """What one run of a campaign is given."""

    seed: int
    minutes: float  # that it may take
    only: Sequence[str]  # the parts of it to run; none: all
    folder: Path  # for its files; it is removed afterwards
    console: Console
    size: float | None = None  # how many times as many at once as in the suite; None: its own
    first: int = 0  # the round to begin with

    def random(self, *parts: object) -> random.Random:
        """A source of chance for one part, the same for the same seed whatever else is run."""
        return random.Random(f"{self.seed} {' '.join(map(str, parts))}")

    def chosen(self, parts: Sequence[str]) -> list[str]:
        """Those of `parts` that are to be run. Raises `UnknownPart`."""
        if unknown := [part for part in self.only if part not in parts]:
            raise UnknownPart(f"no part {', '.join(unknown)}; there are {', '.join(parts)}")
        return [part for part in parts if not self.only or part in self.only]


class UnknownPart(Exception):
    """`--only` names what the campaign does not have."""


class Campaign(Protocol):
    """A module of `campaigns`."""

    MINUTES: float  # that it takes at most, unless the caller says otherwise
    __doc__: str | None

    async def run(self, setting: Setting) -> list[Row]:
        """Runs it, and gives what it has measured; a row that is not `met` is a failure.

        It ends whatever it started, also when it is cancelled.
        """


def names() -> list[str]:
    """The campaigns that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(campaigns.__path__))


def named(name: str) -> Campaign:
    """The campaign called `name`, one of `names()`."""
    module: Campaign = importlib.import_module(f"{campaigns.__name__}.{name}")
    return module
