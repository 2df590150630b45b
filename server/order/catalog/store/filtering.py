"""Which products a list has: its filters as conditions."""

from typing import Any

import msgspec

from server.kit.listing.statements import Listing, Where
from server.kit.postgres import Pool
from server.order.catalog.rules import ProductFilters, ProductStatus
from server.order.catalog.store import SORTABLE, rows

LISTING = Listing(
    "products", rows.COLUMNS, SORTABLE, filtered_by="unit_price", sorted_within=("status",)
)

_HAS_ATTRIBUTES = "attributes @> {}::text::jsonb"
_IS_IN = "id IN (SELECT product_id FROM product_categories WHERE category_id = ANY({}::uuid[]))"
# Of what is sold out there is an index.
# Asked of each product that is looked at: as a join it would read all stocks.
_IS_SOLD_OUT = "coalesce((SELECT is_sold_out FROM stock WHERE product_id = id), false) = {}::bool"
_IS_THERE = "coalesce((SELECT NOT is_sold_out FROM stock WHERE product_id = id), true) = {}::bool"

# Of both an index gives all products that match, in no order of the list. Few are sorted; of more,
# enough stand among the next products of the list. The planner, left to itself, would look through
# the list for what is rare as well.
FOUND_MAX = 10_000
_FOUND = {
    _HAS_ATTRIBUTES: f"SELECT id FROM products WHERE {_HAS_ATTRIBUTES}",
    _IS_IN: "SELECT product_id FROM product_categories WHERE category_id = ANY({}::uuid[])",
    _IS_SOLD_OUT: "SELECT product_id FROM stock WHERE is_sold_out AND {}::bool",
}

# The category and all beneath it. Depth and number are bounded by the rules.
_SUBTREE = """
    WITH RECURSIVE subtree AS (
        SELECT id FROM categories WHERE id = $1
        UNION ALL
        SELECT categories.id FROM categories JOIN subtree ON categories.parent_id = subtree.id
    )
    SELECT id::text FROM subtree
"""

_to_json = msgspec.json.Encoder().encode

Scattered = list[tuple[str, Any]]


async def where(pool: Pool, filters: ProductFilters) -> Where:
    """The filters of a list without words."""
    found = [
        (await _bounded(pool, condition, value), value)
        for condition, value in [*await scattered(pool, filters), *availability(filters)]
    ]
    return together(filters, found)


async def scattered(pool: Pool, filters: ProductFilters) -> Scattered:
    """Conditions of filters for which products stand anywhere in each order, and their values."""
    found: Scattered = []
    if filters.category:
        found.append((_IS_IN, [row["id"] for row in await pool.fetch(_SUBTREE, filters.category)]))
    if filters.attributes:
        found.append((_HAS_ATTRIBUTES, _to_json(filters.attributes).decode()))
    return found


def availability(filters: ProductFilters) -> Scattered:
    """The same of whether one can be ordered: asked of those alone that have all the rest."""
    if filters.in_stock is None:
        return []
    return [(_IS_THERE if filters.in_stock else _IS_SOLD_OUT, True)]


def together(filters: ProductFilters, scattered: Scattered) -> Where:
    """All filters; `scattered` are the conditions of those that are."""
    status = ProductStatus.ACTIVE if filters.only_active else filters.status
    return Where.of(
        ("lower(sku) = lower({})", filters.sku),
        ("unit_price >= {}", filters.price_min),
        ("unit_price <= {}", filters.price_max),
        equal={"status": status},
        scattered=scattered,
    )


async def _bounded(pool: Pool, condition: str, value: Any) -> str:
    """The condition that finds the same with bounded work, where few match."""
    few = _FOUND.get(condition)
    if few is None:
        return condition
    counted = f"SELECT count(*) FROM ({few.format('$1')} LIMIT {FOUND_MAX + 1}) AS found"
    count = await pool.fetchval(counted, value)
    return f"id = ANY(ARRAY({few}))" if count <= FOUND_MAX else condition
