"""Orders in PostgreSQL, each with its items in one row of the answer."""

from collections.abc import Callable

from server.kit.context import Key
from server.kit.listing.keyset import Listing, Where, fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import append
from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.order.orders.rules import (
    Changed,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    Placed,
)
from server.order.orders.store import SORTABLE, Encode, rows
from server.order.orders.store.placing import Placing

_LISTING = Listing(
    table="orders",
    columns="id, order_date, created_at, total_price",
    sortable=SORTABLE,
)

_SELECT = f"""
    SELECT {rows.ORDERS.columns},
           ARRAY(
               SELECT ROW(product_id, product_name, unit_price, quantity)
               FROM order_items WHERE order_id = orders.id ORDER BY position
           ) AS items
    FROM orders
"""

_GET = f"{_SELECT} WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"

_LOCK = f"{_GET} FOR UPDATE"

_FIND = f"{_SELECT} WHERE id = ANY($1)"

_DELETE = "DELETE FROM orders WHERE id = $1"


class PostgresOrderStore:
    """An `OrderStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    an event there.
    """

    def __init__(self, pool: Pool, encode: Encode, wake: Callable[[], None]) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake
        self._placing = Placing(pool, encode, wake)

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        return await self._placing.create(placed, key, answer)

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        with translated():
            row = await self._pool.fetchrow(_GET, order_id, owner_scope)
        if row is None:
            raise _not_found(order_id)
        return rows.to_order(row)

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page[Order]:
        where = Where.of(
            ("user_id = {}", filters.user_id),
            ("status = {}", filters.status),
            ("order_date >= {}", filters.placed_after),
            ("order_date < {}", filters.placed_before),
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, where, query)
            ids = [row["id"] for row in page.rows]
            found = {row["id"]: row for row in await self._pool.fetch(_FIND, ids)} if ids else {}
        return page.with_rows([rows.to_order(found[each]) for each in ids if each in found])

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        async def work(unit: UnitOfWork) -> Order:
            before = await _locked(unit, order_id, owner_scope)
            order, event = change(before)
            for each in rows.updates(before, order):
                unit.write(each)
            if event:
                unit.write(append([self._encode(event)]))
            return order

        order = await transaction(self._pool, work)
        self._wake()
        return order

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await _locked(unit, order_id, owner_scope))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (order_id,)))

        await transaction(self._pool, work)
        self._wake()


async def _locked(unit: UnitOfWork, order_id: str, owner_scope: str | None) -> Order:
    found = await unit.lock(rows.ORDERS, _LOCK, order_id, owner_scope)
    if not found:
        raise _not_found(order_id)
    return rows.to_order(found[0])


def _not_found(order_id: str) -> OrderNotFound:
    return OrderNotFound(f"order {order_id} does not exist")
