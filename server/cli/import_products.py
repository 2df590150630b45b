"""`emporium import products`: a file of products, prices, stocks and categories."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.importing.files import FileError
from server.importing.products import COLUMNS, Refused, wanted
from server.importing.tables import Table, read_table
from server.kit.currencies import is_known
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from server.importing.products import Tally

REFUSED_SHOWN = 20


def import_products(
    file: Annotated[
        Path,
        typer.Argument(help=f"A CSV or XLSX file with sku, and any of {', '.join(COLUMNS[1:])}."),
    ],
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    currency: Annotated[
        str, typer.Option(help="Of prices without one, and of new products; ISO 4217.")
    ] = "GBP",
    encoding: Annotated[
        str, typer.Option(help="Of a CSV file; left out, UTF-8, or as its mark says.")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Calls at a time.")] = 16,
    refused_to: Annotated[
        Path | None, typer.Option(help="Where to list every refused row.", show_default=False)
    ] = None,
) -> None:
    """Import products: those that are new are added, others changed where the file says other.

    An empty cell leaves what is there. `categories` are such as `Kitchen > Mugs; Gifts`, made where
    they are not there; `on_hand` is what was counted. An import that was interrupted is run again.
    Exit code 1 if a row was refused.
    """
    record = require_running(home)
    if not is_known(currency):
        raise LocalError(f"'{currency}' is no currency of ISO 4217", "Name one, such as GBP.")
    console = Console()
    try:
        table = read_table(file, encoding)
        _check(table, file)
        console.print(f"{file} is {table.said}.", markup=False, soft_wrap=True)
        with _listing(refused_to, console) as refused:
            tally = done(_run(record, table, currency, concurrency, refused, dry_run=dry_run))
    except FileError as error:
        raise LocalError(str(error)) from error
    _show(console, tally, dry_run=dry_run)
    if tally.refused:
        raise typer.Exit(1)


async def _run(
    record: ClusterRecord,
    table: Table,
    currency: str,
    concurrency: int,
    refused: Callable[[Refused], None],
    *,
    dry_run: bool,
) -> "Tally":
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Emporium, Targets
    from server.importing.catalog import Catalog
    from server.importing.retries import RetriesExhausted

    async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
        catalog = Catalog(shop, currency, concurrency, refused, dry_run=dry_run)
        try:
            return await catalog.send(wanted(table.rows, currency))
        except RetriesExhausted as error:
            raise LocalError(
                f"a service stays away: {error}",
                "Look at `emporium status`, then import again: it goes on where it stopped.",
            ) from error


def _check(table: Table, file: Path) -> None:
    if "sku" not in table.columns:
        raise FileError(f"{file}, line 1: no column sku")
    unknown = [name for name in table.columns if name not in COLUMNS]
    if unknown:
        raise FileError(
            f"{file}, line 1: nobody knows a column {unknown[0]}; there are {', '.join(COLUMNS)}"
        )


@contextmanager
def _listing(path: Path | None, console: Console) -> Iterator[Callable[[Refused], None]]:
    """Lists refused rows in the file, all of them, or the first of them on the screen."""
    if path is None:
        shown = 0

        def show(row: Refused) -> None:
            nonlocal shown
            shown += 1
            if shown <= REFUSED_SHOWN:
                said = f"✗ line {row.line}: {row.reason}: {row.detail}"
                console.print(said, style="red", markup=False, soft_wrap=True)
            elif shown == REFUSED_SHOWN + 1:
                console.print("  and more; --refused-to lists them all", style="red")

        yield show
        return
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("line", "reason", "detail", *COLUMNS))

            def write(row: Refused) -> None:
                cells = (row.cells.get(column, "") for column in COLUMNS)
                out.writerow((row.line, row.reason, row.detail, *cells))

            yield write
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}") from error


def _show(console: Console, tally: "Tally", *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    lines = [
        f"{tally.added} {would}added",
        f"{tally.changed} {would}changed"
        + "".join(f", {name} of {count}" for name, count in sorted(tally.fields.items())),
        f"{tally.unchanged} unchanged",
        f"{tally.adjusted} stocks {would}adjusted",
        f"{tally.categories} categories {would}added",
        f"{sum(tally.refused.values())} refused"
        + "".join(f", {reason} {count}" for reason, count in sorted(tally.refused.items())),
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
