"""Rows of books that were never kept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from server.importing.rows import Row

MESSY = Path(__file__).with_name("messy.csv")
FIRST = datetime(2009, 6, 1, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def bought(
    line: int,
    invoice: str = "900001",
    sku: str = "10001",
    quantity: int = 10,
    price: str = "2.50",
    customer: str = "501",
    minutes: int | None = None,
) -> Row:
    """A row of a sale, as many `minutes` after the first as its line says, unless given."""
    is_cancellation = invoice.startswith("C")
    moment = FIRST + timedelta(minutes=line if minutes is None else minutes)
    name = f"THING {sku}"
    return Row(
        line,
        invoice,
        is_cancellation,
        sku,
        name,
        quantity,
        moment,
        Decimal(price),
        customer,
        {"InvoiceNo": invoice},
    )


def cancelled(
    line: int, quantity: int, invoice: str = "C900009", sku: str = "10001", price: str = "2.50"
) -> Row:
    """A row that takes back `quantity` units."""
    return bought(line, invoice, sku, quantity, price)
