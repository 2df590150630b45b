"""One row of a file of invoice lines: its values, or why it was refused.

Invoices that begin with `C` are cancellations, with quantities below zero. Times without a zone
are UTC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from server.importing.dates import Dates
from server.kit.currencies import in_full, too_fine

# As the contract restricts them; see `NewOrderItem` and `CreateProductRequest`.
PRICE_MAX = Decimal("999999999.9999")
QUANTITY_MAX = 100_000
DESCRIPTION_LENGTH_MAX = 200
EXPONENT_MAX = 12
DIGITS_MAX = 24

ISO = Dates()

_PRODUCT = re.compile(r"[0-9]{5}")
_SKU = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_INVOICE = re.compile(r"[A-Za-z]?[0-9]{1,20}")
_CUSTOMER = re.compile(r"([0-9]{1,20})(\.0)?")


class Reason(StrEnum):
    """Why a row was refused; the first reason that applies."""

    MALFORMED = "MALFORMED"
    NO_CUSTOMER = "NO_CUSTOMER"
    NO_DESCRIPTION = "NO_DESCRIPTION"
    BAD_PRICE = "BAD_PRICE"
    BAD_QUANTITY = "BAD_QUANTITY"
    NOT_A_PRODUCT = "NOT_A_PRODUCT"
    UNMATCHED_CANCELLATION = "UNMATCHED_CANCELLATION"


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice line with valid values."""

    line: int  # in the file, from 1
    invoice: str
    is_cancellation: bool
    sku: str
    description: str
    quantity: int  # above zero, also for a cancellation
    placed_at: datetime
    unit_price: Decimal
    customer: str
    fields: Mapping[str, str]  # as in the file


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was refused, and why."""

    line: int
    reason: Reason
    detail: str
    fields: Mapping[str, str]


class _NotARow(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def row_of(
    line: int, fields: Mapping[str, str], now: datetime, dates: Dates = ISO, currency: str = "GBP"
) -> Row | Refused:
    """The row on `line` of the file, from its cells by column; prices are in `currency`."""
    try:
        return _valid_row(line, fields, now, dates, currency)
    except _NotARow as error:
        return Refused(line, error.reason, error.detail, fields)


def _valid_row(
    line: int, fields: Mapping[str, str], now: datetime, dates: Dates, currency: str
) -> Row:
    # First whether every cell can be parsed, then whether the row is a sale of a product.
    invoice = _matched(_INVOICE, fields, "InvoiceNo")[0].upper()
    quantity = _number(fields, "Quantity")
    price = _number(fields, "UnitPrice")
    placed_at = _moment(fields, "InvoiceDate", now, dates)
    customer = _matched(_CUSTOMER, fields, "CustomerID")[1] if fields["CustomerID"] else ""
    description, sku = fields["Description"], fields["StockCode"]
    is_cancellation = invoice.startswith("C")
    if len(description) > DESCRIPTION_LENGTH_MAX:
        raise _malformed("Description", f"over {DESCRIPTION_LENGTH_MAX} characters")
    if not customer:
        raise _NotARow(Reason.NO_CUSTOMER, "CustomerID is empty")
    if not description:
        raise _NotARow(Reason.NO_DESCRIPTION, "Description is empty")
    price = _price(price, currency, fields)
    units = quantity.copy_negate() if is_cancellation else quantity
    if not 0 < units <= QUANTITY_MAX or units != int(units):
        raise _NotARow(Reason.BAD_QUANTITY, f"Quantity is {fields['Quantity']}")
    if not _PRODUCT.match(sku):
        raise _NotARow(Reason.NOT_A_PRODUCT, f"StockCode is {sku or 'empty'}")
    _matched(_SKU, fields, "StockCode")
    return Row(
        line,
        invoice,
        is_cancellation,
        sku,
        description,
        int(units),
        placed_at,
        price,
        customer,
        fields,
    )


def _matched(pattern: re.Pattern[str], fields: Mapping[str, str], column: str) -> re.Match[str]:
    found = pattern.fullmatch(fields[column])
    if found is None:
        raise _malformed(column, f"'{fields[column]}' cannot be one")
    return found


def _number(fields: Mapping[str, str], column: str) -> Decimal:
    try:
        number = Decimal(fields[column])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise _malformed(column, f"'{fields[column]}' is no number")
    # Arithmetic with larger ones overflows, or takes long.
    if abs(number.adjusted()) > EXPONENT_MAX or len(number.as_tuple().digits) > DIGITS_MAX:
        raise _malformed(column, "the number is too long, or out of every range")
    return number


def _price(price: Decimal, currency: str, fields: Mapping[str, str]) -> Decimal:
    """The price with the decimals of its currency; a file may have written zeros more."""
    if not 0 < price <= PRICE_MAX:
        raise _NotARow(Reason.BAD_PRICE, f"UnitPrice is {fields['UnitPrice']}")
    exact = in_full(price, currency)
    for violation in too_fine(exact, currency, "UnitPrice"):
        detail = f"UnitPrice is {fields['UnitPrice']}, and {violation.description}"
        raise _NotARow(Reason.BAD_PRICE, detail)
    return exact


def _moment(fields: Mapping[str, str], column: str, now: datetime, dates: Dates) -> datetime:
    try:
        moment = dates.moment(fields[column])
    except (ValueError, OverflowError) as error:
        raise _malformed(
            column, f"'{fields[column]}' is no time such as 2010-12-01 08:26:00"
        ) from error
    if moment >= now:
        raise _malformed(column, f"'{fields[column]}' is in the future")
    return moment


def _malformed(column: str, detail: str) -> _NotARow:
    return _NotARow(Reason.MALFORMED, f"{column}: {detail}")
