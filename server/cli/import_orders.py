"""`emporium import`: a file of invoice lines into a running cluster."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.import_screen import Bars, rows_table, sums_table
from server.cli.work import done
from server.importing.dates import Order
from server.importing.files import COLUMNS, FileError, read
from server.importing.plan import Plan, plan
from server.importing.rows import Refused
from server.kit.currencies import is_known
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from server.importing.checking import Compared
    from server.importing.sending import Failure

FAILURES_SHOWN = 20


def import_orders(  # noqa: PLR0913 (a parameter for each option)
    file: Annotated[Path, typer.Argument(help=f"A CSV file with {', '.join(COLUMNS)}.")],
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    target: Annotated[
        str,
        typer.Option(
            help="One address that leads to all services, such as the edge's. Left out: each "
            "service's own, where the edge's limit per client does not count.",
            show_default=False,
        ),
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Calls at a time.")] = 8,
    currency: Annotated[str, typer.Option(help="The file's, ISO 4217.")] = "GBP",
    encoding: Annotated[str, typer.Option(help="The file's; a BOM may stand.")] = "utf-8-sig",
    dates: Annotated[
        Order | None,
        typer.Option(
            help="How to read 12/1/2010; left out, as the file itself tells.", show_default=False
        ),
    ] = None,
    refused_to: Annotated[
        Path | None, typer.Option(help="Where to list every refused row.", show_default=False)
    ] = None,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for the sales report to agree.")
    ] = 60.0,
) -> None:
    """Import historical orders: customers, products and orders, each once however often run.

    Speaks to the services as the operator, by tokens that it signs itself. Ends with what
    became of every row, and the file's sums beside the sales report; exit code 1 if no row was
    taken, anything is missing or they disagree.
    """
    record = require_running(home)
    if not is_known(currency):
        raise LocalError(f"'{currency}' is no currency of ISO 4217", "Name one, such as GBP.")
    try:
        books = read(file, datetime.now(UTC), encoding, dates, currency)
    except FileError as error:
        raise LocalError(str(error)) from error
    planned = plan(books.rows)
    if refused_to:
        _write(refused_to, planned.refused)
    console = Console()
    for said in filter(None, (books.said, books.dates.said)):
        console.print(said, markup=False, soft_wrap=True)
    failures, compared = done(
        _run(record, planned, target, concurrency, currency, patience, console)
    )
    console.print(rows_table(planned))
    if compared:
        console.print(sums_table(compared, currency))
    for failure in failures[:FAILURES_SHOWN]:
        console.print(f"✗ {failure.what}: {failure.error}", style="red", markup=False)
    if len(failures) > FAILURES_SHOWN:
        console.print(f"  and {len(failures) - FAILURES_SHOWN} more", style="red")
    if not planned.rows_taken:
        console.print("✗ no row was taken", style="red")
    if failures or not planned.rows_taken or not all(each.agree for each in compared):
        raise typer.Exit(1)


async def _run(
    record: ClusterRecord,
    planned: Plan,
    target: str,
    concurrency: int,
    currency: str,
    timeout_seconds: float,
    console: Console,
) -> "tuple[Sequence[Failure], Sequence[Compared]]":
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Emporium, Targets
    from server.importing import checking, sending
    from server.importing.retries import RetriesExhausted

    targets = Targets.of(target or record.grpc)
    async with (
        Emporium(targets, token=acting_as(record, "staff")) as shop,
        Emporium(targets, token=acting_as(record, "admin")) as back_office,
    ):
        try:
            with Bars(console) as bars:
                on_its_way = sending.Sending(
                    planned, shop, back_office, currency, concurrency, bars
                )
                await on_its_way.run()
            with console.status("Waiting for the sales report"):
                compared = await checking.compare(planned, shop, currency, timeout_seconds)
        except RetriesExhausted as error:
            raise LocalError(
                f"a service stays away: {error}",
                "Look at `emporium status`, then import again: it goes on where it stopped.",
            ) from error
    return on_its_way.failures, compared


def _write(path: Path, refused: Sequence[Refused]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("Line", "Reason", "Detail", *COLUMNS))
            for row in refused:
                cells = (row.fields.get(column, "") for column in COLUMNS)
                out.writerow((row.line, row.reason, row.detail, *cells))
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}") from error
