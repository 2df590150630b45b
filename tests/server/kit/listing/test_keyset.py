"""Keyset pages on a real PostgreSQL: through ties, both ways, by every type."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.listing import keyset, totals
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery, Sort, Total, page_meta, page_query
from server.kit.listing.statements import Listing, Where
from server.kit.listing.tokens import Place
from server.kit.listing.totals import KEEP_SECONDS, Totals
from server.kit.postgres import Pool, Record
from tests.server.tokens import TOKENS

ROWS = 47
TIES = 5  # rows of each value

LISTING = Listing(
    table="things",
    columns="id, at, name, price, quantity",
    sortable={"at": datetime, "name": str, "price": Decimal, "quantity": int},
    filtered_by="quantity",
)


@dataclass
class Request:
    """A list request, as far as paging reads it."""

    page: int = 0
    per_page: int = 10
    page_token: str = ""
    sort: str = ""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def things(pool: Pool) -> Pool:
    await pool.execute("""
        CREATE TABLE things (
            id uuid PRIMARY KEY, at timestamptz NOT NULL, name text NOT NULL,
            price numeric(14,2) NOT NULL, quantity bigint NOT NULL
        )
    """)
    began = datetime(2024, 1, 1, tzinfo=UTC)
    await pool.executemany(
        "INSERT INTO things VALUES ($1, $2, $3, $4, $5)",
        [
            (
                uuid.uuid4(),
                began + timedelta(microseconds=n // TIES),
                f"na'me\\{n // TIES}",
                Decimal(n // TIES) / 100,
                n // TIES,
            )
            for n in range(ROWS)
        ],
    )
    return pool


async def page_of(pool: Pool, where: Where, **fields: Any) -> tuple[PageQuery, Page[Record]]:
    query = page_query(
        Request(**fields),
        TOKENS,
        sortable=tuple(LISTING.sortable),
        default=Sort("at", descending=True),
        filters=where,
    )
    return query, await fetch_page(pool, LISTING, Totals(pool, LISTING.table), where, query)


async def all_pages(pool: Pool, where: Where, **fields: Any) -> list[Page[Record]]:
    pages: list[Page[Record]] = []
    token = ""
    while token or not pages:
        query, page = await page_of(pool, where, page_token=token, **fields)
        pages.append(page)
        token = page_meta(query, page).next_page_token
    return pages


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", LISTING.sortable)
@pytest.mark.parametrize("per_page", [1, 4, 5, 47, 100])
async def test_tokens_show_every_row_once_and_in_order(
    things: Pool, field: str, direction: str, per_page: int
) -> None:
    pages = await all_pages(things, Where.of(), sort=f"{field}:{direction}", per_page=per_page)
    keys = [(row[field], row["id"]) for page in pages for row in page.rows]
    assert keys == sorted(set(keys), reverse=direction == "desc")
    assert len(keys) == ROWS
    assert all(len(page.rows) == per_page for page in pages[:-1])
    assert {page.total for page in pages} == {Total(ROWS, is_estimate=False)}


async def test_page_numbers_show_the_same_as_tokens(things: Pool) -> None:
    by_token = await all_pages(things, Where.of())
    by_number = [(await page_of(things, Where.of(), page=n))[1] for n in range(1, 6)]
    assert [page.rows for page in by_number] == [page.rows for page in by_token]


async def test_a_page_beyond_the_last_is_empty(things: Pool) -> None:
    for number in (2, 1_000, 1_001, 1_002, 2**31 - 1):
        _, page = await page_of(things, Where.of(), page=number, per_page=100)
        assert (page.rows, page.total.count, page.next_after) == ([], ROWS, None)


async def test_a_page_deep_within_a_long_list_is_refused(
    things: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "EXACT_TOTAL_MAX", ROWS - 1)
    monkeypatch.setattr(keyset, "DEPTH_MAX", 20)
    _, page = await page_of(things, Where.of(), page=3)
    assert len(page.rows) == 10
    with pytest.raises(errors.Invalid) as refused:
        await page_of(things, Where.of(), page=4)
    assert refused.value.violations[0].field == "page"
    pages = await all_pages(things, Where.of())  # by token every row is reached all the same
    assert sum(len(page.rows) for page in pages) == ROWS


async def test_filters_decide_rows_and_total(things: Pool) -> None:
    where = Where.of(("quantity >= {}", 3), ("name = {}", None), ("quantity < {}", 5))
    pages = await all_pages(things, where, per_page=4)
    assert {row["quantity"] for page in pages for row in page.rows} == {3, 4}
    assert {page.total.count for page in pages} == {2 * TIES}


@pytest.mark.parametrize("few", [0, 5, ROWS])
@pytest.mark.parametrize("looked_at", [1, 7, ROWS])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_however_rows_are_found_the_same_ones_are_shown(
    things: Pool, few: int, looked_at: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "FEW_MATCHES", few)
    monkeypatch.setattr(keyset, "LOOKED_AT_MAX", looked_at)
    where = Where.of(("quantity >= {}", 6), equal={"name": None})
    for field in LISTING.sortable:
        pages = await all_pages(things, where, per_page=4, sort=f"{field}:{direction}")
        keys = [(row[field], row["id"]) for page in pages for row in page.rows]
        assert keys == sorted(set(keys), reverse=direction == "desc")
        assert len(keys) == ROWS - 6 * TIES


async def test_a_page_that_no_bounded_number_of_rows_leads_to_is_refused(
    things: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("FEW_MATCHES", 1), ("LOOKED_AT_MAX", 6), ("DEPTH_MAX", 20)):
        monkeypatch.setattr(keyset, name, most)
    last = Where.of(("quantity >= {}", 5))  # 22 rows, at the end
    with pytest.raises(errors.InvalidFilter) as refused:
        await page_of(things, last, sort="price:asc", per_page=5)
    assert refused.value.violations[0].field == "sort"
    for sort in ("price:desc", "quantity:asc"):
        assert len((await page_of(things, last, sort=sort, per_page=5))[1].rows) == 5
    # Nor is the last page refused, which has few rows because there are no more.
    pages = await all_pages(things, Where.of(("quantity >= {}", 0)), sort="price:asc", per_page=5)
    assert sum(len(page.rows) for page in pages) == ROWS


def test_equality_is_written_as_of_arrays() -> None:
    where = Where.of(("c > {}", 1), equal={"a": "x", "b": None})
    assert (where.conditions, where.equal) == (["a = ANY($1)", "c > $2"], ["a"])
    assert where.arguments == [["x"], 1]


def test_false_is_a_filter_and_none_is_none() -> None:
    where = Where.of(("a = {}", False), ("b = {}", None), ("c = {}", 0))
    assert (where.conditions, where.arguments) == (["a = $1", "c = $2"], [False, 0])


async def test_beyond_the_limit_the_planner_is_asked(
    things: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "EXACT_TOTAL_MAX", 10)
    await things.execute("ANALYZE things")
    _, page = await page_of(things, Where.of(("quantity >= {}", 0)))
    assert page.total.is_estimate
    assert 10 < page.total.count < 10 * ROWS


async def test_exactly_the_limit_is_still_counted(
    things: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "EXACT_TOTAL_MAX", ROWS)
    _, page = await page_of(things, Where.of())
    assert page.total == Total(ROWS, is_estimate=False)


@pytest.mark.parametrize(
    ("sort", "value", "row_id"),
    [
        ("at", "2024-01-01T00:00:00+00:00", "no uuid"),
        ("name", "a\0b", str(uuid.uuid4())),
        ("quantity", str(2**70), str(uuid.uuid4())),
        ("quantity", "many", str(uuid.uuid4())),
        ("price", "much", str(uuid.uuid4())),
        ("at", "soon", str(uuid.uuid4())),
    ],
)
async def test_a_token_of_a_list_that_was_of_other_types_is_refused(
    things: Pool, sort: str, value: str, row_id: str
) -> None:
    query, _ = await page_of(things, Where.of(), sort=sort)
    token = TOKENS.write(Place(sort, False, query.filters, value, row_id, 2, ROWS, False))
    with pytest.raises(errors.InvalidPageToken):
        await page_of(things, Where.of(), sort=sort, page_token=token)


async def test_a_value_of_our_own_that_does_not_fit_is_no_callers_fault(things: Pool) -> None:
    with pytest.raises(Exception, match="int64") as raised:
        await page_of(things, Where.of(("quantity = {}", 2**70)))
    assert not isinstance(raised.value, errors.EmporiumError)


async def test_an_estimate_is_given_again_for_a_while_and_an_exact_total_is_not(
    things: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    kept = Totals(things, LISTING.table, clock=lambda: now)
    few, many = Where.of(("quantity < {}", 1)), Where.of(("quantity >= {}", 1))
    monkeypatch.setattr(totals, "EXACT_TOTAL_MAX", TIES)
    assert await kept.of(few) == Total(TIES, is_estimate=False)
    assert (await kept.of(many)).is_estimate
    monkeypatch.setattr(totals, "EXACT_TOTAL_MAX", ROWS)  # all of them would be counted now
    assert (await kept.of(many)).is_estimate
    assert await kept.of(few) == Total(TIES, is_estimate=False)
    now += KEEP_SECONDS
    assert await kept.of(many) == Total(ROWS - TIES, is_estimate=False)
