"""Orders in PostgreSQL, each with its items in one row of the answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import asyncpg

from server.kit.listing.keyset import Listing, Where, fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.postgres import Connection, Pool, translated
from server.kit.postgres.idempotency import Key
from server.order.orders.rules import (
    Changed,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    Placed,
)
from server.order.orders.store import SORTABLE, rows
from server.order.orders.store.placing import Placing

T = TypeVar("T")

_LISTING = Listing(
    table="orders",
    columns="id, order_date, created_at, total_price",
    sortable=SORTABLE,
)

_SELECT = """
    SELECT id, user_id, status, currency, subtotal, discount, shipping_price, tax, total_price,
           shipping_address, order_date, created_at, updated_at, version,
           ARRAY(
               SELECT ROW(product_id, product_name, unit_price, quantity)
               FROM order_items WHERE order_id = orders.id ORDER BY position
           ) AS items
    FROM orders
"""

_GET = f"{_SELECT} WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"

_LOCK = f"{_GET} FOR UPDATE"

_FIND = f"{_SELECT} WHERE id = ANY($1)"

_UPDATE = """
    WITH event AS (INSERT INTO outbox (id, payload) SELECT $6::uuid, $7::bytea WHERE $6 IS NOT NULL)
    UPDATE orders SET status = $2, shipping_address = $3, updated_at = $4, version = $5
    WHERE id = $1
"""

_DELETE = """
    WITH event AS (INSERT INTO outbox (id, payload) VALUES ($2, $3))
    DELETE FROM orders WHERE id = $1
"""

_TRIES = 3

# What the database undoes when two transactions get in each other's way; nothing was written.
_TRY_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class PostgresOrderStore:
    """An `OrderStore` on a pool of connections to `emporium_order`.

    `encode` writes an event as the outbox keeps it. `ring` is called after each commit that left
    an event there.
    """

    def __init__(
        self, pool: Pool, encode: Callable[[OrderEvent], bytes], ring: Callable[[], None]
    ) -> None:
        self._pool = pool
        self._encode = encode
        self._ring = ring
        self._placing = Placing(pool, encode, ring)

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        return await self._placing.create(placed, key, answer)

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        with translated():
            row = await self._pool.fetchrow(_GET, order_id, owner_scope)
        if row is None:
            raise _not_found(order_id)
        return rows.to_order(row)

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page:
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
        return replace(page, rows=[rows.to_order(found[each]) for each in ids if each in found])

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        async def attempt() -> Order:
            async with self._locked(order_id, owner_scope) as (connection, before):
                order, event = change(before)
                await connection.execute(
                    _UPDATE,
                    order.id,
                    order.status,
                    rows.of_address(order.shipping_address),
                    order.updated_at,
                    order.version,
                    event.id if event else None,
                    self._encode(event) if event else None,
                )
            return order

        with translated():
            order = await _retried(attempt)
        self._ring()
        return order

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        async def attempt() -> None:
            async with self._locked(order_id, owner_scope) as (connection, before):
                event = change(before)
                await connection.execute(_DELETE, order_id, event.id, self._encode(event))

        with translated():
            await _retried(attempt)
        self._ring()

    @asynccontextmanager
    async def _locked(
        self, order_id: str, owner_scope: str | None
    ) -> AsyncIterator[tuple[Connection, Order]]:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_LOCK, order_id, owner_scope)
            if row is None:
                raise _not_found(order_id)
            yield connection, rows.to_order(row)


async def _retried(attempt: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_TRIES - 1):
        try:
            return await attempt()
        except _TRY_AGAIN:
            continue
    return await attempt()


def _not_found(order_id: str) -> OrderNotFound:
    return OrderNotFound(f"order {order_id} does not exist")
