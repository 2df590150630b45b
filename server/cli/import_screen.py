"""What a person sees of an import: bars while it runs, tables when it is over."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from server.importing.plan import Plan
from server.kit.currencies import in_full

if TYPE_CHECKING:
    from server.importing.checking import Compared


class Bars:
    """A bar for customers, for products and for orders."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begun(self, what: str, total: int) -> None:
        """See `Watcher`."""
        self._bars[what] = self._progress.add_task(what, total=total)

    def advanced(self, what: str) -> None:
        """See `Watcher`."""
        self._progress.advance(self._bars[what])


def rows_table(planned: Plan) -> Table:
    """What became of every row."""
    table = Table("Rows", "", box=box.SIMPLE)
    table.columns[1].justify = "right"
    table.add_row("taken", f"{planned.rows_taken:,}")
    table.add_row("cancellations matched", f"{planned.cancellations_matched:,}")
    for reason, count in sorted(planned.reasons.items(), key=lambda pair: -pair[1]):
        table.add_row(f"refused: {reason}", f"{count:,}")
    table.add_section()
    rows = planned.rows_taken + planned.cancellations_matched + len(planned.refused)
    table.add_row("in the file", f"{rows:,}")
    made = f"{len(planned.customers):,} customers, {len(planned.products):,} products"
    table.caption = f"{made}, {len(planned.orders):,} orders"
    return table


def sums_table(compared: "Sequence[Compared]", currency: str) -> Table:
    """The file's figures, and whether the report has the same."""
    table = Table(title=f"Sales in {currency}: the file's, and the report's", box=box.SIMPLE)
    table.add_column("Day", no_wrap=True)
    for name in ("Orders", "Gross", "Cancelled", "Net", "Report"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in compared:
        if each.day == "total":
            table.add_section()
        table.add_row(
            each.day,
            f"{each.file.orders:,}",
            *(
                f"{in_full(amount, currency):,f}"
                for amount in (
                    each.file.gross,
                    each.file.cancelled,
                    each.file.net,
                    each.report.net,
                )
            ),
            "agrees" if each.agree else _difference(each),
            style="" if each.agree else "red",
        )
    return table


def _difference(each: "Compared") -> str:
    pairs = (
        (name, getattr(each.file, name), getattr(each.report, name))
        for name in ("orders", "units", "gross", "cancelled")
    )
    return ", ".join(f"{name}: {theirs}" for name, ours, theirs in pairs if ours != theirs)
