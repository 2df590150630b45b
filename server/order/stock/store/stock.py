"""Stocks in PostgreSQL."""

from collections.abc import Callable

import asyncpg

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.order.catalog.rules import ProductNotFound
from server.order.stock.rules import Change, Movement, Stock
from server.order.stock.store import SORTABLE, rows

_LISTING = Listing("stock_movements", f"{rows.MOVEMENTS.columns}", SORTABLE, filtered_by="number")

_GET = f"SELECT {rows.STOCK.columns} FROM stock WHERE product_id = $1"
_LOCK = f"{_GET} FOR UPDATE"
_BEGIN = "INSERT INTO stock (product_id) VALUES ($1) ON CONFLICT DO NOTHING"


class PostgresStockStore:
    """A `StockStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that may
    have left one there.
    """

    def __init__(self, pool: Pool, encode: rows.Encode, wake: Callable[[], None]) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._encode = encode
        self._wake = wake

    async def get(self, product_id: str) -> Stock | None:
        with translated():
            row = await self._pool.fetchrow(_GET, product_id)
        return rows.to_stock(row) if row else None

    async def update(self, product_id: str, change: Callable[[Stock], Change]) -> Stock:
        async def work(unit: UnitOfWork) -> Stock:
            return await self._changed(unit, product_id, change)

        with translated():
            try:
                stock = await transaction(self._pool, work, completes_call=True)
            except asyncpg.ForeignKeyViolationError as error:
                raise _no_product() from error
        self._wake()
        return stock

    async def adjust(
        self,
        product_id: str,
        change: Callable[[Stock], Change],
        key: Key | None,
        answer: Callable[[Stock], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            return answer(await self._changed(unit, product_id, change))

        with translated():
            try:
                given = await change_once(self._pool, work, key)
            except asyncpg.ForeignKeyViolationError as error:
                raise _no_product() from error
        self._wake()
        return given

    async def movements(self, product_id: str, query: PageQuery) -> Page[tuple[str, Movement]]:
        where = Where.of(equal={"product_id": product_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
        return page.with_rows([rows.to_movement(row) for row in page.rows])

    async def _changed(
        self, unit: UnitOfWork, product_id: str, change: Callable[[Stock], Change]
    ) -> Stock:
        found = await unit.lock(rows.STOCK, _LOCK, product_id)
        if not found:
            await unit.fetch(_BEGIN, product_id)
            found = await unit.lock(rows.STOCK, _LOCK, product_id)
        before = rows.to_stock(found[0])
        changed = change(before)
        if changed.stock != before:
            rows.write(unit, [changed], self._encode)
        return changed.stock


def _no_product() -> ProductNotFound:
    return ProductNotFound("no such product")
