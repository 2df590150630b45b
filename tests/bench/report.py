"""The table that the bench prints."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `met` is None where nothing was asked for."""

    what: str
    ours: str
    baseline: str = ""
    figure: str = ""
    target: str = ""
    met: bool | None = None


def show(console: Console, title: str, rows: Sequence[Row]) -> None:
    """Prints one table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("what", "ours", "baseline", "figure", "target", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        verdict = {True: "[green]met[/]", False: "[red]short[/]", None: ""}[row.met]
        table.add_row(row.what, row.ours, row.baseline, row.figure, row.target, verdict)
    console.print(table)
