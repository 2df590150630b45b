"""Lists by keyset: where a page starts is a value, not a count, so every page costs the same."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from emporium.type.v1.page_pb2 import PageMeta
from server.kit import errors
from server.kit.listing.tokens import UNREADABLE_TOKEN, PageTokens, Place

PER_PAGE_DEFAULT = 20
EXACT_TOTAL_MAX = 10_000
DEPTH_MAX = 100_000
"""How many rows a page number may skip. The database reads them all, which takes it 0.1 s at worst.

10,000 take 6 ms (PostgreSQL 18 on two busy cores, November 2026).
"""

Row = TypeVar("Row")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field a list is ordered; ties are broken by id in the same direction."""

    field: str
    descending: bool


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
    tokens: PageTokens  # that writes it

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
    request: Any,
    tokens: PageTokens,
    *,
    sortable: Collection[str],
    default: Sort,
    filters: object,
) -> PageQuery:
    """Reads `page`, `per_page`, `page_token` and `sort` of a list request.

    `filters` is whatever else decides which rows are listed; its `repr` must tell all of it.

    Raises `UnknownSortField`, `InvalidPageToken`, or `Invalid` when a token and a page are sent.
    """
    sort = _sort(request.sort, sortable, default)
    digest = hashlib.blake2s(repr(filters).encode(), digest_size=8).hexdigest()
    per_page = request.per_page or PER_PAGE_DEFAULT
    if not request.page_token:
        return PageQuery(sort, per_page, request.page or 1, None, None, digest, tokens)
    if request.page:
        raise errors.Invalid("send page or page_token, not both", field="page")
    place = tokens.read(request.page_token)
    if (place.field, place.descending, place.filters) != (sort.field, sort.descending, digest):
        raise errors.InvalidPageToken(
            "the token is of a list with other filters or another sort; start again without it",
            field="page_token",
        )
    after = After(place.value, place.id)
    total = Total(place.total, place.estimated)
    return PageQuery(sort, per_page, place.page, after, total, digest, tokens)


def page_meta(query: PageQuery, page: Page[Any]) -> PageMeta:
    """What the answer says of its place in the list."""
    return PageMeta(
        page=query.page,
        per_page=query.per_page,
        total=page.total.count,
        total_is_estimate=page.total.is_estimate,
        next_page_token=_next_token(query, page) if page.next_after else "",
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


def _next_token(query: PageQuery, page: Page[Any]) -> str:
    assert page.next_after is not None
    place = Place(
        query.sort.field,
        query.sort.descending,
        query.filters,
        page.next_after.value,
        page.next_after.id,
        query.page + 1,
        page.total.count,
        page.total.is_estimate,
    )
    return query.tokens.write(place)


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
