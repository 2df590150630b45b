"""The longest value of each kind, and the largest page, by the contract's rules."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message

from server.kit import descriptors
from server.kit.listing.paging import After, Page, PageQuery, Sort, Total
from tests.server.tokens import TOKENS

WIDE = "🎁"  # four bytes in UTF-8, as many as a character can have
ID = "f" * 8 + "-ffff-7fff-bfff-" + "f" * 12
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
MONEY = Decimal("99999999999999.9999")  # what the databases' columns hold
PRICE = Decimal("999999999.9999")
CURRENCY = "CLF"  # of those with the most decimals
VERSION = 2**63 - 1
INT32_MAX = 2**31 - 1
PER_PAGE_MAX = 100
LONGEST_VALUE = WIDE * 200


def rules_of(message: type[Message], field: str) -> Any:
    """The contract's rules of a field."""
    return descriptors.rules_of(message.DESCRIPTOR.fields_by_name[field])


def longest(message: type[Message], field: str) -> str:
    """The longest text that the contract lets a field hold."""
    count: int = rules_of(message, field).string.max_len
    return WIDE * count


def query() -> PageQuery:
    """A page far into a list."""
    sort = Sort("order_date", descending=True)
    return PageQuery(sort, PER_PAGE_MAX, 10**6, None, None, "f" * 16, TOKENS)


def page(row: Any) -> Page[Any]:
    """A full page of equal rows."""
    total = Total(INT32_MAX, is_estimate=True)
    return Page([row] * PER_PAGE_MAX, total, After(LONGEST_VALUE, ID))
