"""A row of a file of products: what it says of one, or why it was refused. Pure.

An empty cell leaves what is there as it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from server.importing.tables import TableRow
from server.kit.currencies import is_known, too_fine

COLUMNS = (
    "sku",
    "name",
    "unit_price",
    "currency",
    "description",
    "status",
    "weight_grams",
    "categories",
    "on_hand",
)

NAME_MAX, DESCRIPTION_MAX, CATEGORY_MAX = 200, 5_000, 100
WEIGHT_MAX, ON_HAND_MAX, CATEGORIES_MAX = 1_000_000, 1_000_000_000, 20

_SKU = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")
_WHOLE = re.compile(r"([0-9]{1,10})(\.0+)?")
_STATUSES = ("draft", "active", "archived")


class Reason(StrEnum):
    """Why a row was refused; the first reason that applies."""

    MALFORMED = "MALFORMED"
    BAD_SKU = "BAD_SKU"
    TWICE = "TWICE"
    BAD_NAME = "BAD_NAME"
    BAD_CURRENCY = "BAD_CURRENCY"
    BAD_PRICE = "BAD_PRICE"
    BAD_DESCRIPTION = "BAD_DESCRIPTION"
    BAD_STATUS = "BAD_STATUS"
    BAD_WEIGHT = "BAD_WEIGHT"
    BAD_CATEGORY = "BAD_CATEGORY"
    BAD_STOCK = "BAD_STOCK"
    INCOMPLETE = "INCOMPLETE"  # of a new product
    REFUSED = "REFUSED"  # by the service, which says why


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was refused, and why."""

    line: int
    reason: Reason
    detail: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a row says of a product; None: nothing."""

    line: int
    cells: Mapping[str, str]
    sku: str
    name: str | None = None
    unit_price: Decimal | None = None
    currency: str | None = None
    description: str | None = None
    status: str | None = None
    weight_grams: int | None = None
    categories: Sequence[Sequence[str]] | None = None  # each by its names, from the outermost
    on_hand: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is of a product."""

    name: str
    unit_price: Decimal
    currency: str
    description: str
    status: str
    weight_grams: int | None
    categories: Sequence[str]  # their ids


@dataclass(slots=True)
class Tally:
    """What has become of the rows, or would."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    adjusted: int = 0  # of these, how many have another stock
    categories: int = 0  # that were not there
    fields: dict[str, int] = field(default_factory=dict)  # how many changes of each
    refused: dict[Reason, int] = field(default_factory=dict)


class _NotAProduct(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def wanted(rows: Iterable[TableRow], currency: str) -> Iterator[Wanted | Refused]:
    """What each row says. A price without a currency is in `currency`."""
    lines: dict[str, int] = {}
    for row in rows:
        try:
            if row.problem:
                raise _NotAProduct(Reason.MALFORMED, row.problem)
            found = _wanted(row, currency)
            first = lines.setdefault(found.sku.upper(), row.line)
            if first != row.line:
                raise _NotAProduct(Reason.TWICE, f"line {first} has this sku already")
            yield found
        except _NotAProduct as error:
            yield Refused(row.line, error.reason, error.detail, row.cells)


def changes(known: Known, row: Wanted, categories: Sequence[str] | None) -> dict[str, Any]:
    """What `row` changes; `categories` are the ids of those that it names."""
    asked = {
        "name": row.name,
        "unit_price": row.unit_price,
        "currency": row.currency,
        "description": row.description,
        "status": row.status,
        "weight_grams": row.weight_grams,
        "categories": categories,
    }
    return {
        name: value
        for name, value in asked.items()
        if value is not None and value != getattr(known, name)
    }


def missing(row: Wanted) -> Refused | None:
    """Why no product can be made of `row`, if so."""
    lacks = [name for name in ("name", "unit_price") if getattr(row, name) is None]
    if not lacks:
        return None
    detail = f"a new product needs {' and '.join(lacks)}"
    return Refused(row.line, Reason.INCOMPLETE, detail, row.cells)


def _wanted(row: TableRow, currency: str) -> Wanted:
    cells = {name: cell for name, cell in row.cells.items() if cell}
    sku = cells.get("sku", "")
    if not _SKU.fullmatch(sku):
        raise _NotAProduct(Reason.BAD_SKU, "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '/', '-'")
    named = cells.get("currency")
    if named is not None and not is_known(named):
        raise _NotAProduct(Reason.BAD_CURRENCY, f"'{named}' is no currency of ISO 4217")
    return Wanted(
        line=row.line,
        cells=row.cells,
        sku=sku,
        name=_text(cells.get("name"), NAME_MAX, Reason.BAD_NAME),
        unit_price=_price(cells.get("unit_price"), named or currency),
        currency=named,
        description=_text(cells.get("description"), DESCRIPTION_MAX, Reason.BAD_DESCRIPTION),
        status=_status(cells.get("status")),
        weight_grams=_whole(cells.get("weight_grams"), WEIGHT_MAX, Reason.BAD_WEIGHT),
        categories=_categories(cells.get("categories")),
        on_hand=_whole(cells.get("on_hand"), ON_HAND_MAX, Reason.BAD_STOCK),
    )


def _text(text: str | None, length_max: int, reason: Reason) -> str | None:
    if text is not None and len(text) > length_max:
        raise _NotAProduct(reason, f"has {len(text)} characters, of {length_max} at most")
    return text


def _price(text: str | None, currency: str) -> Decimal | None:
    if text is None:
        return None
    if not _PRICE.fullmatch(text):
        raise _NotAProduct(Reason.BAD_PRICE, f"'{text}' is none: it would be such as 2.55")
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise _NotAProduct(Reason.BAD_PRICE, f"'{text}' is none") from error
    for found in too_fine(price, currency, "unit_price"):
        raise _NotAProduct(Reason.BAD_PRICE, found.description)
    return price


def _status(text: str | None) -> str | None:
    if text is not None and text.lower() not in _STATUSES:
        raise _NotAProduct(Reason.BAD_STATUS, f"must be one of {', '.join(_STATUSES)}")
    return text.lower() if text else None


def _whole(text: str | None, most: int, reason: Reason) -> int | None:
    if text is None:
        return None
    found = _WHOLE.fullmatch(text)
    if found is None or int(found[1]) > most:
        raise _NotAProduct(reason, f"must be a whole number from 0 to {most}")
    return int(found[1])


def _categories(text: str | None) -> Sequence[Sequence[str]] | None:
    """`Kitchen > Mugs; Gifts` are two."""
    if text is None:
        return None
    paths = [[name.strip() for name in path.split(">")] for path in text.split(";")]
    if len(paths) > CATEGORIES_MAX:
        raise _NotAProduct(Reason.BAD_CATEGORY, f"{CATEGORIES_MAX} at most")
    if any(not 1 <= len(name) <= CATEGORY_MAX for path in paths for name in path):
        raise _NotAProduct(Reason.BAD_CATEGORY, "must be such as `Kitchen > Mugs; Gifts`")
    return list(dict.fromkeys(map(tuple, paths)))
