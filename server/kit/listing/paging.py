"""Lists by keyset: where a page starts is a value, not a count, so every page costs the same.

A page token holds the sort, a digest of the filters, the last row's sort value and id, the number
of the next page and the total as it was counted on the first page. It is neither secret nor signed:
a token that was tampered with is refused or shows rows the caller could have listed anyway, because
filters and ownership are never read from it.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from emporium.type.v1.page_pb2 import PageMeta
from server.kit import errors

PER_PAGE_DEFAULT = 20
EXACT_TOTAL_MAX = 10_000
UNREADABLE_TOKEN = "the token cannot be read; start again without it"  # noqa: S105 - no secret

Row = TypeVar("Row")
Other = TypeVar("Other")

# The answer's fields are int32. A token is not signed, so it may claim anything.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field a list is ordered; ties are broken by id in the same direction."""

    field: str
    descending: bool


class _Token(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    field: str
    descending: bool
    filters: str
    value: str
    id: str
    page: Count
    total: Count
    estimated: bool


@dataclass(frozen=True, slots=True)
class After:
    """The last row of the page before: its sort value, as text, and its id."""

    value: str
    id: str


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows match."""

    count: int
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page of a list is asked for."""

    sort: Sort
    per_page: int
    page: int  # from 1
    after: After | None  # where a token says to go on; None: skip by `page`
    total: Total | None  # as it stands in the token; None: count
    filters: str  # a digest of the filters, for the next token

    @property
    def offset(self) -> int:
        """How many rows to skip when there is no token."""
        return 0 if self.after else (self.page - 1) * self.per_page


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one page, at most `per_page`, and what follows them."""

    rows: Sequence[Row]
    total: Total
    next_after: After | None  # None on the last page

    def with_rows(self, rows: Sequence[Other]) -> "Page[Other]":
        """The same page of the same list, with what the database's rows stand for."""
        return Page(rows, self.total, self.next_after)


def page_query(
    request: Any, *, sortable: Collection[str], default: Sort, filters: object
) -> PageQuery:
    """Reads `page`, `per_page`, `page_token` and `sort` of a list request.

    `filters` is whatever else decides which rows are listed; its `repr` must tell all of it.

    Raises `UnknownSortField`, `InvalidPageToken`, or `Invalid` when a token and a page are sent.
    """
    sort = _sort(request.sort, sortable, default)
    digest = hashlib.blake2s(repr(filters).encode(), digest_size=8).hexdigest()
    per_page = request.per_page or PER_PAGE_DEFAULT
    if not request.page_token:
        return PageQuery(sort, per_page, request.page or 1, None, None, digest)
    if request.page:
        raise errors.Invalid("send page or page_token, not both", field="page")
    token = _decode(request.page_token)
    if (token.field, token.descending, token.filters) != (sort.field, sort.descending, digest):
        raise errors.InvalidPageToken(
            "the token is of a list with other filters or another sort; start again without it",
            field="page_token",
        )
    total = Total(token.total, token.estimated)
    return PageQuery(sort, per_page, token.page, After(token.value, token.id), total, digest)


def page_meta(query: PageQuery, page: Page[Any]) -> PageMeta:
    """What the answer says of its place in the list."""
    return PageMeta(
        page=query.page,
        per_page=query.per_page,
        total=page.total.count,
        total_is_estimate=page.total.is_estimate,
        next_page_token=_encode(query, page) if page.next_after else "",
    )


def _sort(text: str, sortable: Collection[str], default: Sort) -> Sort:
    if not text:
        return default
    field, _, direction = text.partition(":")
    if field not in sortable:
        raise errors.UnknownSortField(f"must be by one of {', '.join(sortable)}", field="sort")
    if direction not in ("", "asc", "desc"):
        raise errors.UnknownSortField("must end in :asc or :desc", field="sort")
    return Sort(field, direction == "desc")


def _encode(query: PageQuery, page: Page[Any]) -> str:
    assert page.next_after is not None
    token = _Token(
        query.sort.field,
        query.sort.descending,
        query.filters,
        page.next_after.value,
        page.next_after.id,
        query.page + 1,
        page.total.count,
        page.total.is_estimate,
    )
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode().rstrip("=")


def _decode(text: str) -> _Token:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(raw, type=_Token)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise errors.InvalidPageToken(UNREADABLE_TOKEN, field="page_token") from error


def sort_value(field_type: type, token_value: str) -> Any:
    """A token's sort value as the type of its column. Raises `InvalidPageToken`."""
    try:
        if field_type is datetime:
            return datetime.fromisoformat(token_value)
        if field_type is Decimal:
            return Decimal(token_value)
        return field_type(token_value)
    except (ValueError, ArithmeticError) as error:
        raise errors.InvalidPageToken(UNREADABLE_TOKEN, field="page_token") from error
