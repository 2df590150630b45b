"""Products in PostgreSQL."""

from collections.abc import Callable, Collection, Mapping, Sequence

import asyncpg
import msgspec

from server.kit.batching import Batcher
from server.kit.context import Key
from server.kit.errors import Violation
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery, Total
from server.kit.listing.totals import Totals
from server.kit.outbox import Event, append
from server.kit.postgres import Pool, UniqueViolationError, translated
from server.kit.postgres.idempotency import write_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.order.catalog.rules import (
    Added,
    CategoryNotFound,
    Offer,
    Product,
    ProductChanged,
    ProductEvent,
    ProductFilters,
    ProductNotFound,
    ProductStatus,
    SkuTaken,
    check_breaks,
)
from server.order.catalog.store import filtering, rows, searching

_DELETE = "DELETE FROM products WHERE id = $1"

# As one text there and one back: rows with arrays, decoded one by one, cost the service three times
# as much.
_OFFERS = """
    SELECT coalesce(json_object_agg(id, json_build_array(
        name, unit_price::text, currency, status, (
            SELECT coalesce(json_agg(
                json_build_array(min_quantity, unit_price::text) ORDER BY min_quantity
            ), '[]')
            FROM price_breaks WHERE product_id = products.id
        ), coalesce(weight_grams, 0), (
            SELECT coalesce(json_agg(category_id ORDER BY category_id), '[]')
            FROM product_categories WHERE product_id = products.id
        )
    )), '{}')::text
    FROM products WHERE id = ANY(string_to_array($1, ' ')::uuid[])
"""

_to_offers = msgspec.json.Decoder(dict[str, Offer]).decode

_BREAKS = "SELECT unit_price FROM price_breaks WHERE product_id = $1 ORDER BY min_quantity"

_KNOWN = "SELECT id::text FROM categories WHERE id = ANY($1)"

_CALLERS_MAX = 256  # that share one read of offers
_PRODUCTS_MAX = 1_000  # that one read asks for: as many as one order may name
_PRODUCTS_TOGETHER_MAX = 20  # of one caller; a longer order's are read beside the others


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
        self._totals = Totals(pool, filtering.LISTING.table)
        self._offers = Batcher(
            self._read_offers, _CALLERS_MAX, len, _PRODUCTS_MAX, _PRODUCTS_TOGETHER_MAX
        )

    async def create(self, added: Added, key: Key | None, answer: bytes) -> bytes:
        product = added.product
        writes = [*rows.inserts(product), append([self._encode(added.event)])]
        with translated():
            try:
                given = await write_once(self._pool, writes, key, answer)
            except UniqueViolationError as error:
                raise _named(error) from error
            except asyncpg.ForeignKeyViolationError as error:
                raise await self._missing(product.categories) from error
        self._wake()
        return given

    async def get(self, product_id: str, *, only_active: bool) -> Product:
        with translated():
            row = await self._pool.fetchrow(rows.GET_SEEN, product_id, only_active)
        if row is None:
            raise _not_found()
        return rows.to_product(row)

    async def get_many(self, product_ids: Sequence[str], *, only_active: bool) -> Sequence[Product]:
        wanted = list(dict.fromkeys(product_ids))
        with translated():
            read = await self._pool.fetch(rows.GET_MANY, wanted, only_active)
        found = {str(row["id"]): row for row in read}
        return [rows.to_product(found[each]) for each in wanted if each in found]

    async def offers(self, product_ids: Collection[str]) -> Mapping[str, Offer]:
        return await self._offers.do(product_ids) if product_ids else {}

    async def list(self, filters: ProductFilters, query: PageQuery) -> Page[Product]:
        status = filters.status
        if filters.only_active and status not in (None, ProductStatus.ACTIVE):
            return Page([], Total(0, is_estimate=False), None)
        with translated():
            if filters.words:
                page = await searching.search(self._pool, filters, query)
            else:
                where = await filtering.where(self._pool, filters)
                page = await fetch_page(self._pool, filtering.LISTING, self._totals, where, query)
        return page.with_rows([rows.to_product(row) for row in page.rows])

    async def update(self, product_id: str, change: Callable[[Product], ProductChanged]) -> Product:
        asked: list[str] = []

        async def work(unit: UnitOfWork) -> Product:
            before = await _locked(unit, product_id)
            product, event = change(before)
            if event is None:
                return product
            if product.currency != before.currency:
                breaks = await unit.fetch(_BREAKS, product_id)
                check_breaks(product.currency, [row["unit_price"] for row in breaks])
            asked[:] = product.categories
            for each in rows.updates(before, product):
                unit.write(each)
            unit.write(append([self._encode(event)]))
            with translated():
                try:
                    await unit.flush()
                except UniqueViolationError as error:
                    raise _named(error) from error
            return product

        try:
            product = await transaction(self._pool, work, completes_call=True)
        except asyncpg.ForeignKeyViolationError as error:
            raise await self._missing(asked) from error
        self._wake()
        return product

    async def delete(self, product_id: str, change: Callable[[Product], ProductEvent]) -> None:
        async def work(unit: UnitOfWork) -> None:
            await unit.lock(rows.STOCK, rows.LOCK_STOCK, product_id)
            event = change(await _locked(unit, product_id))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (product_id,)))

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def _missing(self, categories: Sequence[str]) -> CategoryNotFound:
        """The error of a product in categories that are not all there."""
        with translated():
            known = {row["id"] for row in await self._pool.fetch(_KNOWN, categories)}
        at = [n for n, each in enumerate(categories) if each not in known]
        fields = [f"categories[{n}]" for n in at or range(len(categories))]
        return CategoryNotFound(
            f"{fields[0]}: no such category",
            violations=[Violation(field, "no such category") for field in fields],
        )

    async def _read_offers(
        self, wanted: Sequence[Collection[str]]
    ) -> Sequence[Mapping[str, Offer]]:
        product_ids = set().union(*wanted)
        with translated():
            found = await self._pool.fetchval(_OFFERS, " ".join(product_ids))
        return [_to_offers(found)] * len(wanted)


async def _locked(unit: UnitOfWork, product_id: str) -> Product:
    if not await unit.lock(rows.PRODUCTS, rows.LOCK, product_id):
        raise _not_found()
    # Read after the row is locked: of other tables the lock's own look is as old as its wait.
    [row] = await unit.fetch(rows.GET, product_id)
    return rows.to_product(row)


def _not_found() -> ProductNotFound:
    return ProductNotFound("no such product")


def _named(error: UniqueViolationError) -> Exception:
    """The one constraint that callers can violate, by its name; another is a defect of ours."""
    if error.constraint_name != "products_sku":
        return error
    return SkuTaken("another product has this code", field="sku")
