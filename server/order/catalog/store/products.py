"""Products in PostgreSQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from server.kit.batching import Batcher
from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery, Total
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, Record, UniqueViolationError, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Table, Write
from server.order.catalog.rules import (
    Added,
    Offer,
    Product,
    ProductChanged,
    ProductEvent,
    ProductFilters,
    ProductNotFound,
    ProductStatus,
    SkuTaken,
)
from server.order.catalog.store import SORTABLE

_PRODUCTS = Table("products", tuple(field.name for field in fields(Product)), lock_rank=10)

_LISTING = Listing(
    "products", _PRODUCTS.columns, SORTABLE, filtered_by="unit_price", sorted_within=("status",)
)

_GET = f"SELECT {_PRODUCTS.columns} FROM products WHERE id = $1"

_GET_SEEN = f"{_GET} AND (status = 'ACTIVE' OR NOT $2)"

_LOCK = f"{_GET} FOR UPDATE"

_DELETE = "DELETE FROM products WHERE id = $1"

_OFFERS = "SELECT id::text, name, unit_price, currency, status FROM products WHERE id = ANY($1)"

# Of attributes an index gives all products that have them, in no order of the list. Few are sorted;
# of more, enough stand among the next products of the list. Without a bound the planner would
# rather look through the list, where it takes what is rare for common.
_HAS_ATTRIBUTES = "attributes @> {}::text::jsonb"
_IS_FOUND_BY_ATTRIBUTES = f"id = ANY(ARRAY(SELECT id FROM products WHERE {_HAS_ATTRIBUTES}))"
_FOUND_MAX = 10_000
_COUNT_FOUND = f"""
    SELECT count(*) FROM (
        SELECT FROM products WHERE {_HAS_ATTRIBUTES.format("$1")} LIMIT {_FOUND_MAX + 1}
    ) AS found
"""

_CALLERS_MAX = 256  # that share one read of offers
_PRODUCTS_MAX = 1_000  # that one read asks for: as many as one order may name
_PRODUCTS_TOGETHER_MAX = 20  # of one caller; a longer order's are read beside the others

_to_json = msgspec.json.Encoder().encode
_attributes = msgspec.json.Decoder(dict[str, str]).decode


class PostgresCatalogStore:
    """A `CatalogStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    one there.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[ProductEvent], Event], wake: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake
        self._totals = Totals(pool, _LISTING.table)
        self._offers = Batcher(
            self._read_offers, _CALLERS_MAX, len, _PRODUCTS_MAX, _PRODUCTS_TOGETHER_MAX
        )

    async def create(self, added: Added, key: Key | None, answer: bytes) -> bytes:
        writes = [_PRODUCTS.insert([added.product]), append([self._encode(added.event)])]
        with translated():
            try:
                given = await write_once(self._pool, writes, key, answer)
            except UniqueViolationError as error:
                raise _named(error) from error
        self._wake()
        return given

    async def get(self, product_id: str, *, only_active: bool) -> Product:
        with translated():
            row = await self._pool.fetchrow(_GET_SEEN, product_id, only_active)
        if row is None:
            raise _not_found()
        return _product(row)

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        return await self._offers.do(product_ids) if product_ids else {}

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        status = filters.status
        if filters.only_active:
            if status not in (None, ProductStatus.ACTIVE):
                return Page([], Total(0, is_estimate=False), None)
            status = ProductStatus.ACTIVE
        where = Where.of(
            ("lower(sku) = lower({})", filters.sku),
            ("unit_price >= {}", filters.price_min),
            ("unit_price <= {}", filters.price_max),
            equal={"status": status},
            scattered=[*await self._by_attributes(filters)],
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_product(row) for row in page.rows])

    async def _by_attributes(self, filters: ProductFilters) -> Sequence[tuple[str, Any]]:
        """The condition that finds products by those attributes with bounded work."""
        if not filters.attributes:
            return []
        wanted = _to_json(filters.attributes).decode()
        with translated():
            found = await self._pool.fetchval(_COUNT_FOUND, wanted)
        return [(_IS_FOUND_BY_ATTRIBUTES if found <= _FOUND_MAX else _HAS_ATTRIBUTES, wanted)]

    async def update(self, product_id: str, change: Callable[[Product], ProductChanged]) -> Product:
        async def work(unit: UnitOfWork) -> Product:
            product, event = change(await _locked(unit, product_id))
            if event is None:
                return product
            unit.write(_PRODUCTS.update([product]))
            unit.write(append([self._encode(event)]))
            with translated():
                try:
                    await unit.flush()
                except UniqueViolationError as error:
                    raise _named(error) from error
            return product

        product = await transaction(self._pool, work, completes_call=True)
        self._wake()
        return product

    async def delete(self, product_id: str, change: Callable[[Product], ProductEvent]) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await _locked(unit, product_id))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (product_id,)))

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def _read_offers(
        self, wanted: Sequence[Collection[str]]
    ) -> Sequence[Mapping[str, Offer]]:
        product_ids = set().union(*wanted)
        with translated():
            rows = await self._pool.fetch(_OFFERS, product_ids)
        offers = {
            row["id"]: Offer(
                name=row["name"],
                unit_price=row["unit_price"],
                currency=row["currency"],
                status=ProductStatus(row["status"]),
            )
            for row in rows
        }
        return [offers] * len(wanted)


async def _locked(unit: UnitOfWork, product_id: str) -> Product:
    found = await unit.lock(_PRODUCTS, _LOCK, product_id)
    if not found:
        raise _not_found()
    return _product(found[0])


def _not_found() -> ProductNotFound:
    return ProductNotFound("no such product")


def _named(error: UniqueViolationError) -> Exception:
    """The one constraint that callers can violate, by its name; another is a defect of ours."""
    if error.constraint_name != "products_sku":
        return error
    return SkuTaken("another product has this code", field="sku")


def _product(row: Record) -> Product:
    return Product(
        id=str(row["id"]),
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        unit_price=row["unit_price"],
        currency=row["currency"],
        status=ProductStatus(row["status"]),
        attributes=_attributes(row["attributes"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
