"""Products by words: whole ones, beginnings, and where there are none, such as are spelt alike.

What matches is found by indexes, 1,000 of it at most, and that is ranked; see
docs/decisions/27-search.md.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from server.kit import errors
from server.kit.listing.keyset import place_of
from server.kit.listing.paging import DEPTH_MAX, Page, PageQuery, Total, sort_value
from server.kit.listing.statements import Where
from server.kit.listing.tokens import UNREADABLE_TOKEN
from server.kit.postgres import DataError, Pool, Record
from server.order.catalog.rules import ProductFilters
from server.order.catalog.store import RELEVANCE, SORTABLE_FOUND, filtering, rows

RANKED_MAX = 1_000

# Every word begins a word of the product. A word of the name (A) counts for more than one of the
# description (B).
_MATCHES = "words @@ to_tsquery('pg_catalog.simple', {})"
_RANK = "ts_rank('{{0, 0, 0.3, 1}}', words, to_tsquery('pg_catalog.simple', {}))"

# Of each word two trigrams that follow one another are in the name; and of all its trigrams enough.
_LOOKS_ALIKE = "trigrams && {}::text[]"
_SHARE = """(
    SELECT count(*) FROM unnest({}::text[]) AS trigram WHERE trigram = ANY (trigrams)
)::numeric / cardinality({}::text[])"""
_SHARE_MIN = Decimal("0.4")


async def search(pool: Pool, filters: ProductFilters, query: PageQuery) -> Page[Record]:
    """The page of the products that the words and the other filters find.

    Raises `InvalidPageToken`.
    """
    assert filters.words is not None
    if query.offset > DEPTH_MAX:
        return Page([], Total(0, is_estimate=False), None)
    words, others = filters.words.lower().split(" "), await filtering.scattered(pool, filters)
    asked = " & ".join(f"'{word}':*" for word in words)
    found = filtering.together(filters, [(_MATCHES, asked), *others])
    there = filtering.availability(filters)
    page = await _page(pool, _matching(found, asked, there), query)
    if page.total.count:
        return page
    pairs = [(_LOOKS_ALIKE, _grams(word, 4)) for word in words]
    alike = _alike(
        filtering.together(filters, [*pairs, *others]), [_grams(word, 3) for word in words], there
    )
    return await _page(pool, alike, query)


def _grams(word: str, size: int) -> list[str]:
    padded = f"  {word} "
    return [padded[at : at + size] for at in range(len(padded) - size + 1)]


# What matches stands in a WITH of its own, outside of the LIMIT: that is read no further than the
# LIMIT asks, but the planner does not know, and goes by the index. Otherwise it takes what is rare
# for common, and would read the table from its beginning (0.3 s of 100,000 products).


class _Found(NamedTuple):
    """Those that match, with the score of each: a statement, and its arguments."""

    statement: str
    arguments: Sequence[Any]


def _matching(where: Where, asked: str, there: filtering.Scattered) -> _Found:
    score = _RANK.format(f"${len(where.arguments) + 1}")
    left = Where.of(*there).behind(len(where.arguments) + 1)
    return _Found(
        f"""
        WITH matching AS MATERIALIZED (SELECT id, words FROM products {where})
        SELECT id, round(({score})::numeric, 6) AS {RELEVANCE}
        FROM matching {left} LIMIT {RANKED_MAX}
        """,
        [*where.arguments, asked, *left.arguments],
    )


def _alike(where: Where, words: Sequence[Sequence[str]], there: filtering.Scattered) -> _Found:
    """Of all that the index finds, what really looks alike: the names share enough trigrams."""
    first = len(where.arguments) + 1
    shares = [_SHARE.format(f"${first + n}", f"${first + n}") for n in range(len(words))]
    left = Where.of(*there).behind(len(where.arguments) + len(words))
    # One after the other: of most candidates the first word says that they are none.
    is_alike = " AND ".join(f"{share} >= {_SHARE_MIN}" for share in shares)
    return _Found(
        f"""
        WITH matching AS MATERIALIZED (SELECT id, trigrams FROM products {where})
        SELECT id, round(({" + ".join(shares)}) / {len(shares)}, 6) AS {RELEVANCE}
        FROM (SELECT * FROM matching {left} LIMIT {RANKED_MAX}) AS candidates
        WHERE {is_alike}
        """,
        [*where.arguments, *words, *left.arguments],
    )


async def _page(pool: Pool, found: _Found, query: PageQuery) -> Page[Record]:
    sort = query.sort
    column_type = SORTABLE_FOUND[sort.field]  # raises for any field but those
    way, comparison = ("DESC", "<") if sort.descending else ("ASC", ">")
    after, arguments = "", list(found.arguments)
    if query.after:
        place, last = len(arguments) + 1, len(arguments) + 2
        value = sort_value(column_type, query.after.value)
        after = f"WHERE ({sort.field}, id) {comparison} (${place}, ${last})"
        arguments += [value, query.after.id]
    order = f"ORDER BY {sort.field} {way}, id {way}"
    columns = "*" if sort.field == RELEVANCE else f"found.*, products.{sort.field}"
    join = "" if sort.field == RELEVANCE else "JOIN products USING (id)"
    statement = f"""
        WITH found AS MATERIALIZED ({found.statement}), page AS (
            SELECT * FROM (SELECT {columns} FROM found {join}) AS sortable {after} {order}
            LIMIT {query.per_page + 1} OFFSET {query.offset}
        )
        SELECT whole.*, page.{RELEVANCE}, counted.count
        FROM (SELECT count(*) FROM found) AS counted
        LEFT JOIN page ON true
        LEFT JOIN LATERAL (
            SELECT {rows.COLUMNS} FROM products WHERE products.id = page.id
        ) AS whole ON true
        ORDER BY {"page" if sort.field == RELEVANCE else "whole"}.{sort.field} {way}, page.id {way}
    """
    try:
        read = await pool.fetch(statement, *arguments)
    except DataError as error:
        if query.after is None:
            raise
        raise errors.InvalidPageToken(UNREADABLE_TOKEN, field="page_token") from error
    there = [row for row in read if row["id"] is not None]
    shown = there[: query.per_page]
    more = len(there) > query.per_page
    total = Total(read[0]["count"], is_estimate=False)
    return Page(shown, total, place_of(shown[-1], sort.field) if more else None)
