"""Where products are stored: the interface of a store, and PostgreSQL's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from server.kit.batching import Batcher
from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, Record, UniqueViolationError, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.writes import Table
from server.order.catalog.rules import (
    Break,
    Offer,
    Product,
    ProductFilters,
    ProductNotFound,
    SkuTaken,
)

SORTABLE: Mapping[str, type] = {
    "name": str,
    "sku": str,
    "unit_price": Decimal,
    "created_at": datetime,
}
"""The columns that `CatalogStore.list` can sort by, with their types."""


class CatalogStore(Protocol):
    """Products.

    Every method raises `Unavailable` when the database is unreachable and `DeadlineExceeded` when
    it is too slow; a change may have been made then, but never half of it.
    """

    async def create(self, product: Product, key: Key | None, answer: bytes) -> bytes:
        """Stores a new product together with `answer` under `key`; returns the answer to send.

        That is `answer`, or the first one when `key` was used before with the same body; then
        nothing is changed. Raises `IdempotencyKeyReused` when the body was another, and `SkuTaken`.
        """

    async def get(self, product_id: str) -> Product:
        """The product. Raises `ProductNotFound`."""

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        """The offers of the products that exist, by product id; may contain others too."""

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        """One page in the query's order, ties broken by id."""


_PRODUCTS = Table("products", tuple(field.name for field in fields(Product)), lock_rank=10)

_LISTING = Listing("products", _PRODUCTS.columns, SORTABLE, filtered_by="unit_price")

_GET = f"SELECT {_PRODUCTS.columns} FROM products WHERE id = $1"

_OFFERS = """
    SELECT id::text, name, unit_price, currency, ARRAY(
        SELECT ROW(min_quantity, unit_price) FROM price_breaks
        WHERE product_id = products.id ORDER BY min_quantity
    ) AS breaks
    FROM products WHERE id = ANY($1)
"""


_CALLERS_MAX = 256  # that share one read of offers
_PRODUCTS_MAX = 1_000  # that one read asks for: as many as one order may name
_PRODUCTS_TOGETHER_MAX = 20  # of one caller; a longer order's are read beside the others


class PostgresCatalogStore:
    """A `CatalogStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._offers = Batcher(
            self._read_offers, _CALLERS_MAX, len, _PRODUCTS_MAX, _PRODUCTS_TOGETHER_MAX
        )

    async def create(self, product: Product, key: Key | None, answer: bytes) -> bytes:
        with translated():
            try:
                return await write_once(self._pool, [_PRODUCTS.insert([product])], key, answer)
            except UniqueViolationError as error:
                raise SkuTaken("another product has this code", field="sku") from error

    async def get(self, product_id: str) -> Product:
        with translated():
            row = await self._pool.fetchrow(_GET, product_id)
        if row is None:
            raise ProductNotFound("no such product")
        return _product(row)

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        return await self._offers.do(product_ids) if product_ids else {}

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        where = Where.of(
            ("lower(sku) = lower({})", filters.sku),
            ("unit_price >= {}", filters.min_price),
            ("unit_price <= {}", filters.max_price),
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([_product(row) for row in page.rows])

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
                breaks=tuple(Break(*each) for each in row["breaks"]),
            )
            for row in rows
        }
        return [offers] * len(wanted)


def _product(row: Record) -> Product:
    return Product(
        id=str(row["id"]),
        sku=row["sku"],
        name=row["name"],
        unit_price=row["unit_price"],
        currency=row["currency"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )
