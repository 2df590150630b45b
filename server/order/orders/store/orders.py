"""Orders in PostgreSQL, each with its items in one row of the answer."""

from collections.abc import Callable
from datetime import datetime

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.kit.turns import give_way, in_turns
from server.order.orders.rules import (
    LISTED_ITEMS_MAX,
    Changed,
    ListedOrder,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    Placed,
    claim_of,
    step_of,
)
from server.order.orders.store import SORTABLE, Encode, Stocks, rows
from server.order.orders.store.expiring import expire
from server.order.orders.store.placing import Placing

_LISTING = Listing(
    table="orders",
    columns="id, order_date, created_at, total_price",
    sortable=SORTABLE,
    filtered_by="order_date",
)

_ITEMS = """
    SELECT ROW(product_id, product_name, unit_price, quantity)
    FROM order_items WHERE order_id = orders.id ORDER BY position
"""

_GET = f"""
    SELECT {rows.ORDERS.columns}, ARRAY({_ITEMS}) AS items
    FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)
"""

_LOCK = f"{_GET} FOR UPDATE"

_USER = "SELECT user_id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"

# Positions count from 1 without a gap, so the last one is their number: one look into the index.
_FIND = f"""
    SELECT {rows.ORDERS.columns}, ARRAY({_ITEMS} LIMIT {LISTED_ITEMS_MAX}) AS items,
           (SELECT max(position) FROM order_items WHERE order_id = orders.id) AS item_count
    FROM orders WHERE id = ANY($1)
"""

_DELETE = "DELETE FROM orders WHERE id = $1"


class PostgresOrderStore:
    """An `OrderStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    an event there.
    """

    def __init__(
        self, pool: Pool, encode: Encode, wake: Callable[[], None], stocks: Stocks
    ) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._encode = encode
        self._wake = wake
        self._stocks = stocks
        self._placing = Placing(pool, encode, wake, stocks)

    async def create(self, placed: Placed, key: Key | None, answer: bytes) -> bytes:
        return await self._placing.create(placed, key, answer)

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        with translated():
            row = await self._pool.fetchrow(_GET, order_id, owner_scope)
        if row is None:
            raise _not_found()
        return await _whole(row)

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        with translated():
            row = await self._pool.fetchrow(_USER, order_id, owner_scope)
        if row is None:
            raise _not_found()
        return str(row["user_id"]) if row["user_id"] else None

    async def list(self, filters: OrderFilters, query: PageQuery) -> Page[ListedOrder]:
        where = Where.of(
            ("order_date >= {}", filters.placed_after),
            ("order_date < {}", filters.placed_before),
            equal={"user_id": filters.user_id, "status": filters.status},
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
            ids = [row["id"] for row in page.rows]
            found = {row["id"]: row for row in await self._pool.fetch(_FIND, ids)} if ids else {}
        there = [found[each] for each in ids if each in found]
        return page.with_rows(await in_turns(there, rows.to_listed, lambda row: len(row["items"])))

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        async def work(unit: UnitOfWork) -> Order:
            before = await _locked(unit, order_id, owner_scope)
            order, event = change(before)
            for each in rows.updates(before, order):
                unit.write(each)
            if event:
                told = self._encode(event)
                await give_way(len(order.items))
                unit.write(append([told]))
            if event and (step := step_of(event)):
                await self._stocks.settle(unit, [(claim_of(event), step)])
            return order

        order = await transaction(self._pool, work, completes_call=True)
        self._wake()
        return order

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await _locked(unit, order_id, owner_scope))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (order_id,)))
            if step := step_of(event):
                await self._stocks.settle(unit, [(claim_of(event), step)])

        await transaction(self._pool, work, completes_call=True)
        self._wake()

    async def expire(
        self, now: datetime, count_max: int, change: Callable[[Order], Changed]
    ) -> int:
        async def work(unit: UnitOfWork) -> int:
            return await expire(unit, now, count_max, change, self._encode, self._stocks)

        count = await transaction(self._pool, work)
        if count:
            self._wake()
        return count


async def _locked(unit: UnitOfWork, order_id: str, owner_scope: str | None) -> Order:
    found = await unit.lock(rows.ORDERS, _LOCK, order_id, owner_scope)
    if not found:
        raise _not_found()
    return await _whole(found[0])


async def _whole(row: Record) -> Order:
    await give_way(len(row["items"]))
    order = rows.to_order(row)
    await give_way(len(order.items))
    return order


def _not_found() -> OrderNotFound:
    return OrderNotFound("no such order")
