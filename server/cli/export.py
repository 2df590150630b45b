"""`emporium export`: what a running cluster holds, as CSV or NDJSON, row by row."""

import csv
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.export_columns import ORDERS, PRODUCTS, USERS, Column, Value
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from emporium import Emporium, Order

app = typer.Typer(
    name="export",
    help="Write orders, products or users to a file; what tells of persons only when asked for.",
    no_args_is_help=True,
)

_PAGE = 100
# A program that opens a CSV file as a spreadsheet takes such a cell for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    NDJSON = "ndjson"


As = Annotated[Format, typer.Option("--format", help="CSV, or a line of JSON for each row.")]
To = Annotated[
    Path | None, typer.Option(help="A file; left out, standard output.", show_default=False)
]
Personal = Annotated[bool, typer.Option("--personal", help="With what tells of persons.")]
Status = Annotated[str, typer.Option(help="Only those in this status.", show_default=False)]
After = Annotated[
    str, typer.Option(help="Only those from this moment on: 2024-01-01, or RFC 3339.")
]
Before = Annotated[str, typer.Option(help="Only those before this moment.")]

Rows = Callable[["Emporium"], AsyncIterator[Any]]


@app.command()
def orders(
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    as_: As = Format.CSV,
    to: To = None,
    personal: Personal = False,
    status: Status = "",
    placed_after: After = "",
    placed_before: Before = "",
) -> None:
    """Export orders, the oldest first; NDJSON has their lines, too."""
    filters = _given(status=status, placed_after=placed_after, placed_before=placed_before)

    async def rows(shop: "Emporium") -> AsyncIterator["Order"]:
        async for order in shop.orders.list(sort="order_date:asc", per_page=_PAGE, **filters):
            is_whole = as_ is Format.CSV or len(order.items) == order.item_count
            yield order if is_whole else await shop.orders.get(order.id)

    _export(home, rows, _shown(ORDERS, as_, personal=personal), as_, to)


@app.command()
def products(
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    as_: As = Format.CSV,
    to: To = None,
    status: Status = "",
) -> None:
    """Export products, by their codes; NDJSON has their categories and attributes, too."""
    filters = _given(status=status)

    async def rows(shop: "Emporium") -> AsyncIterator[Any]:
        async for product in shop.products.list(sort="sku:asc", per_page=_PAGE, **filters):
            yield product

    _export(home, rows, _shown(PRODUCTS, as_, personal=False), as_, to)


@app.command()
def users(
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    as_: As = Format.CSV,
    to: To = None,
    personal: Personal = False,
    status: Status = "",
    role: Annotated[str, typer.Option(help="Only those with this role.")] = "",
    created_after: After = "",
    created_before: Before = "",
) -> None:
    """Export accounts, the oldest first."""
    filters = _given(
        status=status, role=role, created_after=created_after, created_before=created_before
    )

    async def rows(shop: "Emporium") -> AsyncIterator[Any]:
        async for user in shop.users.list(sort="created_at:asc", per_page=_PAGE, **filters):
            yield user

    _export(home, rows, _shown(USERS, as_, personal=personal), as_, to)


def _given(**filters: str) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value}


def _shown(columns: Sequence[Column], as_: Format, *, personal: bool) -> Sequence[Column]:
    return [
        column
        for column in columns
        if (personal or not column.is_personal) and (as_ is Format.NDJSON or not column.is_nested)
    ]


def _export(
    home: Path, rows: Rows, columns: Sequence[Column], as_: Format, to: Path | None
) -> None:
    record = require_running(home)
    with _opened(to) as out:
        write = _csv(out, columns) if as_ is Format.CSV else _ndjson(out)
        count = done(_run(record, rows, columns, write))
    Console(stderr=True).print(f"{count} rows", highlight=False)


async def _run(
    record: ClusterRecord,
    rows: Rows,
    columns: Sequence[Column],
    write: Callable[[Mapping[str, Value]], None],
) -> int:
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Emporium, Targets

    count = 0
    async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
        async for row in rows(shop):
            write({column.name: column.of(row) for column in columns})
            count += 1
    return count


def _csv(out: TextIO, columns: Sequence[Column]) -> Callable[[Mapping[str, Value]], None]:
    writer = csv.writer(out)
    writer.writerow([column.name for column in columns])

    def write(row: Mapping[str, Value]) -> None:
        writer.writerow([_cell(value) for value in row.values()])

    return write


def _ndjson(out: TextIO) -> Callable[[Mapping[str, Value]], None]:
    def write(row: Mapping[str, Value]) -> None:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _cell(value: Value) -> Value:
    is_formula = isinstance(value, str) and value.startswith(_FORMULAS)
    return f"'{value}" if is_formula else value


@contextmanager
def _opened(to: Path | None) -> Iterator[TextIO]:
    """Where rows go. A file is there once it is whole."""
    if to is None:
        yield sys.stdout
        return
    part = to.with_name(f"{to.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            yield file
        part.replace(to)
    except OSError as error:
        raise LocalError(f"{to}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
