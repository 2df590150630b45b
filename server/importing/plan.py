"""Makes a plan of a file's rows. Pure: the same rows always make the same plan.

One order an invoice and customer. A cancellation is matched with the latest line before it of the
same customer, product and price that has enough units left. Those units become an order of their
own, which is placed and then cancelled, so that gross, cancelled and net all agree with the file.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import attrgetter

from server.importing.records import Customer, Line, Order, Product, Sums
from server.importing.rows import Reason, Refused, Row

LINES_MAX = 1_000  # in one order; see `CreateOrderRequest`


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file is imported as."""

    customers: Sequence[Customer]
    products: Sequence[Product]
    orders: Sequence[Order]
    refused: Sequence[Refused]
    rows_taken: int
    cancellations_matched: int

    @property
    def reasons(self) -> Counter[Reason]:
        """How many rows were refused, by reason."""
        return Counter(row.reason for row in self.refused)

    @property
    def days(self) -> dict[date, Sums]:
        """The sums of each UTC day on which orders were placed, in order of time."""
        days: dict[date, Sums] = {}
        for order in sorted(self.orders, key=attrgetter("placed_at")):
            days.setdefault(order.placed_at.date(), Sums()).add(order)
        return days

    @property
    def total(self) -> Sums:
        """The sums of all days."""
        total = Sums()
        for order in self.orders:
            total.add(order)
        return total


@dataclass(slots=True)
class _Bought:
    """An accepted row, and how many of its units are not cancelled yet."""

    row: Row
    left: int


@dataclass(slots=True)
class _Books:
    """The state of planning after the rows so far."""

    bought: list[_Bought] = field(default_factory=list)
    # Lines that a cancellation may refer to, by customer, product and price, latest last.
    open: dict[tuple[str, str, Decimal], list[_Bought]] = field(default_factory=dict)
    cancelled: list[tuple[Row, Row]] = field(default_factory=list)  # cancellation, what it cancels
    refused: list[Refused] = field(default_factory=list)


def plan(rows: Iterable[Row | Refused]) -> Plan:
    """The plan of `rows`."""
    given = list(rows)
    books = _Books(refused=[row for row in given if isinstance(row, Refused)])
    taken = [row for row in given if isinstance(row, Row)]
    # By time, because a file need not be sorted; by line where times are equal.
    for row in sorted(taken, key=attrgetter("placed_at", "line")):
        _enter(books, row)
    kept = sorted((bought.row for bought in books.bought), key=attrgetter("line"))
    return Plan(
        customers=[Customer(number) for number in dict.fromkeys(row.customer for row in kept)],
        products=_products(kept),
        orders=[*_placed(books.bought), *_cancelled(books)],
        refused=sorted(books.refused, key=attrgetter("line")),
        rows_taken=len(books.bought),
        cancellations_matched=len(books.cancelled),
    )


def _enter(books: _Books, row: Row) -> None:
    lines = books.open.setdefault((row.customer, row.sku.upper(), row.unit_price), [])
    if not row.is_cancellation:
        bought = _Bought(row, row.quantity)
        books.bought.append(bought)
        lines.append(bought)
        return
    meant = next((line for line in reversed(lines) if line.left >= row.quantity), None)
    if meant is None:
        detail = "no line before it of this customer, product and price has so many units"
        books.refused.append(Refused(row.line, Reason.UNMATCHED_CANCELLATION, detail, row.fields))
        return
    meant.left -= row.quantity
    books.cancelled.append((row, meant.row))


def _products(rows: Iterable[Row]) -> list[Product]:
    products: dict[str, Product] = {}
    for row in rows:
        product = Product(row.sku, row.description, row.unit_price)
        products.setdefault(row.sku.upper(), product)
    return list(products.values())


def _placed(bought: Iterable[_Bought]) -> list[Order]:
    invoices: dict[tuple[str, str], list[_Bought]] = {}
    for line in bought:
        invoices.setdefault((line.row.invoice, line.row.customer), []).append(line)
    return [
        order
        for (invoice, _), lines in invoices.items()
        for order in _orders(
            invoice,
            lines[0].row,
            [_line(line.row, line.left) for line in _in_file_order(lines) if line.left],
        )
    ]


def _in_file_order(lines: Iterable[_Bought]) -> list[_Bought]:
    return sorted(lines, key=lambda line: line.row.line)


def _cancelled(books: _Books) -> list[Order]:
    """An order for each cancellation and the invoice that it takes units from."""
    earliest: dict[tuple[str, str], Row] = {}
    for bought in books.bought:
        earliest.setdefault((bought.row.invoice, bought.row.customer), bought.row)
    together: dict[tuple[str, str, str], list[Line]] = {}
    for row, meant in sorted(books.cancelled, key=lambda pair: pair[0].line):
        key = (row.invoice, meant.invoice, row.customer)
        together.setdefault(key, []).append(_line(meant, row.quantity))
    return [
        order
        for (cancellation, invoice, customer), lines in together.items()
        for order in _orders(
            f"{cancellation} of {invoice}",
            earliest[invoice, customer],
            lines,
            is_cancelled=True,
        )
    ]


def _orders(
    name: str, first: Row, lines: Sequence[Line], *, is_cancelled: bool = False
) -> Iterable[Order]:
    """One order, or as many as its lines need. `first` is the invoice's earliest row."""
    for part, start in enumerate(range(0, len(lines), LINES_MAX), 1):
        part_name = name if part == 1 else f"{name}, part {part}"
        some = lines[start : start + LINES_MAX]
        yield Order(part_name, first.customer, first.placed_at, some, is_cancelled)


def _line(row: Row, quantity: int) -> Line:
    return Line(row.sku, row.description, row.unit_price, quantity)
