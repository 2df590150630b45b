"""Fetches one keyset page from PostgreSQL, and says how many rows there are in all.

Pages that follow a token do not count at all: the total is in the token.

However few rows match, and wherever they stand in the order, a page reads a bounded number of rows:
see `_rows`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.kit import errors
from server.kit.listing.paging import (
    DEPTH_MAX,
    After,
    Page,
    PageQuery,
    Total,
)
from server.kit.listing.statements import Listing, Statement, Statements, Where
from server.kit.listing.tokens import UNREADABLE_TOKEN
from server.kit.listing.totals import Totals
from server.kit.postgres import DataError, Pool, Record

FEW_MATCHES = 1_000
"""How many rows that match are sorted sooner than looked for in the order of the list."""
LOOKED_AT_MAX = 10_000
"""How many rows of that order are looked at for a page of those that match.

As many take 6 ms (PostgreSQL 18 on two busy cores, November 2026).
"""

# What the statements below are put together from is ours, see `statements.py`. So S608 is off.


async def fetch_page(
    pool: Pool, listing: Listing, totals: Totals, where: Where, query: PageQuery
) -> Page[Record]:
    """The page that `query` asks for. The rows are records with `id` and the sorted column.

    Raises `Invalid` for a page number that lies deep within a long list, and `InvalidFilter` where
    no bounded number of rows leads to the page.
    """
    if query.offset > DEPTH_MAX:
        return Page([], await _total_before(totals, where), None)
    try:
        find = _rows_apart if where.parts else _rows
        rows = await find(pool, listing, where, query)
    except DataError as error:
        if query.after is None:
            raise
        raise errors.InvalidPageToken(UNREADABLE_TOKEN, field="page_token") from error
    shown = rows[: query.per_page]
    more = len(rows) > query.per_page
    return Page(
        rows=shown,
        total=query.total or await totals.of(where),
        next_after=place_of(shown[-1], query.sort.field) if more else None,
    )


def place_of(row: Record, field: str) -> After:
    """Where a page ends that has `row` as its last, in the order of `field`."""
    return After(_text(row[field]), str(row["id"]))


async def _rows(pool: Pool, listing: Listing, where: Where, query: PageQuery) -> Sequence[Record]:
    """The page's rows, and the one after them if there is one.

    Where an index holds what matches in the order of the list, that is read. Otherwise few matches
    are sorted; of many, there are enough among the next rows of the list, or else they are sorted
    too, up to `DEPTH_MAX`. Left to itself the planner walks along the order, through all rows where
    those that match stand at its end.
    """
    statements = Statements(listing, where, query)
    if statements.is_one_range:
        return await _fetch(pool, statements.page())
    if statements.is_within_range:
        return await _rows_of_range(pool, statements, query)
    if await _match(pool, statements, FEW_MATCHES):
        return await _fetch(pool, statements.page_of_matches(FEW_MATCHES))
    looked_at = LOOKED_AT_MAX + 2 * query.offset
    rows = await _fetch(pool, statements.page_of_next(looked_at))
    if len(rows) > query.per_page:
        return rows
    if await _match(pool, statements, DEPTH_MAX):
        return await _fetch(pool, statements.page_of_matches(DEPTH_MAX))
    if await _fetch(pool, statements.is_more_than(looked_at)):
        raise errors.InvalidFilter(
            f"more than {DEPTH_MAX} resources match, too few of them next in this order; narrow the"
            f" filters, or sort by {listing.filtered_by}",
            field="sort",
        )
    return rows


async def _rows_of_range(pool: Pool, statements: Statements, query: PageQuery) -> Sequence[Record]:
    """The same, of those that stand apart from each other in a range: the next ones, or none."""
    looked_at = LOOKED_AT_MAX + 2 * query.offset
    rows = await _fetch(pool, statements.page_of_range(looked_at))
    is_whole = len(rows) > query.per_page
    if is_whole or not await _fetch(pool, statements.is_range_longer_than(looked_at)):
        return rows
    raise errors.InvalidFilter(
        "too few of the next resources match; narrow the time, or leave a filter out", field="sort"
    )


async def _rows_apart(
    pool: Pool, listing: Listing, where: Where, query: PageQuery
) -> Sequence[Record]:
    """The same, where no index holds all conditions.

    Of each way to the rows an index holds a part. The shortest is gone to its end where it is
    short; else the next rows of the list's order are looked at, and after that a longer way.
    """
    statements = Statements(listing, where, query)
    shortest, count = None, DEPTH_MAX + 1
    for part in where.parts:
        ((found,),) = await _fetch(pool, statements.count_of_part(part, count))
        if found < count:
            shortest, count = part, int(found)
        if count <= FEW_MATCHES:
            break
    if shortest and count <= FEW_MATCHES:
        return await _fetch(pool, statements.page_of_part(shortest, FEW_MATCHES))
    looked_at = LOOKED_AT_MAX + 2 * query.offset
    rows = await _fetch(pool, statements.page_along(looked_at))
    if len(rows) > query.per_page:
        return rows
    if shortest:
        return await _fetch(pool, statements.page_of_part(shortest, DEPTH_MAX))
    if await _fetch(pool, statements.is_longer_than(looked_at)):
        raise errors.InvalidFilter(
            f"too few of the next resources match, and more than {DEPTH_MAX} have to be looked at;"
            f" narrow the filters, or sort by another field than {query.sort.field}",
            field="sort",
        )
    return rows


async def _match(pool: Pool, statements: Statements, count_max: int) -> bool:
    """Whether `count_max` rows match at most."""
    ((counted,),) = await _fetch(pool, statements.count_of_matches(count_max + 1))
    return int(counted) <= count_max


async def _fetch(pool: Pool, statement: Statement) -> Sequence[Record]:
    return await pool.fetch(statement.text, *statement.arguments)


async def _total_before(totals: Totals, where: Where) -> Total:
    """The total of a list that ends before the page. Raises `Invalid` when it may not."""
    total = await totals.of(where)
    if total.is_estimate:
        raise errors.Invalid(
            f"a page number may skip {DEPTH_MAX} resources at most; go on by page_token",
            field="page",
        )
    return total


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
