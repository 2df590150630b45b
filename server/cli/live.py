"""Progress of a cluster's start, live on a terminal."""

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from server.cli.progress import PlainProgress
from server.local.progress import Progress

REFRESHES_PER_SECOND = 10


class LiveProgress:
    """A list of steps that changes in place; for terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._under_way: dict[str, Spinner] = {}
        self._live = Live(console=console, transient=True, refresh_per_second=REFRESHES_PER_SECOND)

    def started(self, step: str) -> None:
        """See `Progress`."""
        if not self._under_way:
            self._live.start()
        self._under_way[step] = Spinner("dots", step)
        self._redraw()

    def finished(self, step: str, seconds: float, note: str) -> None:
        """See `Progress`."""
        line = Text.assemble(("✓ ", "green"), f"{step:<14}", (f"{seconds:5.1f} s  {note}", "dim"))
        self._end(step, line)

    def failed(self, step: str) -> None:
        """See `Progress`."""
        self._end(step, Text.assemble(("✗ ", "red"), step))

    def reported(self, text: str) -> None:
        """See `Progress`."""
        self._console.print(Text(f"{time.strftime('%H:%M:%S')}  {text}"))

    def _end(self, step: str, line: Text) -> None:
        self._under_way.pop(step, None)
        self._redraw()
        self._console.print(line)
        if not self._under_way:
            self._live.stop()

    def _redraw(self) -> None:
        rows = Table.grid()
        for spinner in self._under_way.values():
            rows.add_row(spinner)
        self._live.update(rows, refresh=True)


def progress_on(console: Console) -> Progress:
    """Live where there is a terminal, plain lines elsewhere."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(sys.stdout)
