"""The table that the bench prints."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `met` is None where nothing was asked for."""

    what: str
    ours: str = ""
    baseline: str = ""
    figure: str = ""
    spread: str = ""  # of the rounds: ours / baseline's
    target: str = ""
    met: bool | None = None


def show(
    console: Console, title: str, rows: Sequence[Row], sides: tuple[str, str] = ("ours", "baseline")
) -> None:
    """Prints one table."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("what", *sides, "figure", "spread", "target", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        verdict = {True: "[green]met[/]", False: "[red]short[/]", None: ""}[row.met]
        table.add_row(row.what, row.ours, row.baseline, row.figure, row.spread, row.target, verdict)
    console.print(table)
