"""Orders in PostgreSQL, each with its items in one row of the answer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from server.kit.context import Key
from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Apart, Listing, Where
from server.kit.listing.totals import Totals
from server.kit.outbox import append
from server.kit.postgres import Pool, Record, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write
from server.kit.turns import give_way, in_turns
from server.order.orders.rules import (
    Changed,
    EventType,
    ListedOrder,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    PastMove,
    Placed,
    claim_of,
    ends_uses,
    etag_of,
    listed_items,
    step_of,
)
from server.order.orders.store import (
    HISTORY_SORTABLE,
    SORTABLE,
    Belongings,
    Encode,
    Tell,
    Turn,
    rows,
)
from server.order.orders.store.expiring import expire
from server.order.orders.store.placing import Placing
from server.order.shipping.rules import created

_LISTING = Listing(
    table="orders",
    columns="id, order_date, created_at, total_price",
    sortable=SORTABLE,
    filtered_by="order_date",
)

_HISTORY = Listing(
    table="order_moves",
    columns="id, before, after, actor_kind, actor, reason, occurred_at",
    sortable=HISTORY_SORTABLE,
    filtered_by="occurred_at",
)

_ITEMS = f"""
    SELECT {rows.ITEM}
    FROM order_items WHERE order_id = orders.id ORDER BY position
"""

_GET = f"""
    SELECT {rows.ORDERS.columns}, ARRAY({_ITEMS}) AS items
    FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)
"""

# Its lines are read after it is locked: of other tables the lock's own look is as old as its wait,
# and what was sent of a line meanwhile would be sent again.
_LOCK = "SELECT id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2) FOR UPDATE"

_GET_MANY = f"""
    SELECT {rows.ORDERS.columns}, ARRAY({_ITEMS}) AS items FROM orders WHERE id = ANY($1)
"""

_VERSIONS = "SELECT id, user_id, version FROM orders WHERE id = ANY($1)"

_USER = "SELECT user_id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"

# Positions count from 1 without a gap, so the last one is their number: one look into the index.
_FIND = f"""
    SELECT {rows.ORDERS.columns}, ARRAY({_ITEMS} LIMIT $2) AS items,
           (SELECT max(position) FROM order_items WHERE order_id = orders.id) AS item_count
    FROM orders WHERE id = ANY($1)
"""

_DELETE = "DELETE FROM orders WHERE id = $1"


class PostgresOrderStore:
    """An `OrderStore` on a pool of connections to `emporium_order`.

    `encode` puts an event into the outbox's envelope. `wake` is called after each commit that left
    an event there, and `tell` with the id of an order that was changed or deleted by it.
    """

    def __init__(
        self,
        pool: Pool,
        encode: Encode,
        wake: Callable[[], None],
        belongings: Belongings,
        tell: Tell = lambda _: None,
    ) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)
        self._moves = Totals(pool, _HISTORY.table)
        self._encode = encode
        self._wake = wake
        self._belongings = belongings
        self._tell = tell
        self._placing = Placing(pool, encode, wake, belongings)

    async def create(
        self, placed: Placed, key: Key | None, answer: bytes, turn: Turn | None = None
    ) -> bytes:
        return await self._placing.create(placed, key, answer, turn)

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        with translated():
            row = await self._pool.fetchrow(_GET, order_id, owner_scope)
        if row is None:
            raise _not_found()
        return await _whole(row)

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        with translated():
            found = await self._pool.fetch(_GET_MANY, order_ids)
        orders = await in_turns(found, rows.to_order, lambda row: 1 + len(row["items"]))
        return {order.id: order for order in orders}

    async def etags(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        with translated():
            found = await self._pool.fetch(_VERSIONS, order_ids)
        return {
            str(row["id"]): etag_of(row["version"], is_anonymous=row["user_id"] is None)
            for row in found
        }

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
            equal={
                "user_id": filters.user_id,
                "status": filters.status,
                "number": filters.number,
            },
            apart=[
                Apart("created_at", "created_at >= {}", filters.created_after),
                Apart("created_at", "created_at < {}", filters.created_before),
                Apart("total_price", "total_price >= {}", filters.min_total),
                Apart("total_price", "total_price <= {}", filters.max_total),
                Apart("", "currency = {}", filters.currency),
            ],
        )
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
            ids = [row["id"] for row in page.rows]
            shown = listed_items(query.per_page)
            read = await self._pool.fetch(_FIND, ids, shown) if ids else []
        found = {row["id"]: row for row in read}
        there = [found[each] for each in ids if each in found]
        return page.with_rows(await in_turns(there, rows.to_listed, lambda row: len(row["items"])))

    async def history(self, order_id: str, query: PageQuery) -> Page[PastMove]:
        where = Where.of(equal={"order_id": order_id})
        with translated():
            page = await fetch_page(self._pool, _HISTORY, self._moves, where, query)
        return page.with_rows([rows.to_move(row) for row in page.rows])

    async def update(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], Changed]
    ) -> Order:
        async def work(unit: UnitOfWork) -> Order:
            return await self._moved(unit, order_id, owner_scope, change)

        order = await transaction(self._pool, work, completes_call=True)
        self.told(order_id)
        return order

    async def update_once(
        self,
        order_id: str,
        owner_scope: str | None,
        change: Callable[[Order], Changed],
        key: Key | None,
        answer: Callable[[Order], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            return answer(await self._moved(unit, order_id, owner_scope, change))

        buyer = await self.user_of(order_id, owner_scope) if key else None
        given = await change_once(self._pool, work, key, subject=buyer)
        self.told(order_id)
        return given

    async def _moved(
        self,
        unit: UnitOfWork,
        order_id: str,
        owner_scope: str | None,
        change: Callable[[Order], Changed],
    ) -> Order:
        """What a caller has made of an order, with what that means for its payments."""
        before = await self.lock(unit, order_id, owner_scope)
        order, event = changed = change(before)
        if event:
            await self._belongings.payments.follow(unit, before, event)
        await self.keep(unit, before, changed)
        return order

    async def lock(self, unit: UnitOfWork, order_id: str, owner_scope: str | None) -> Order:
        """The order, whose row is locked. Raises `OrderNotFound`."""
        if not await unit.lock(rows.ORDERS, _LOCK, order_id, owner_scope):
            raise _not_found()
        [row] = await unit.fetch(_GET, order_id, None)
        return await _whole(row)

    async def keep(self, unit: UnitOfWork, before: Order, changed: Changed) -> None:
        """The one place where what an order has become is written, whatever has moved it."""
        order, event = changed
        for each in rows.updates(before, order):
            unit.write(each)
        if event:
            for each in rows.moves([event]):
                unit.write(each)
            told = self._encode(event)
            await give_way(len(order.items))
            unit.write(append([told]))
            await self._settled(unit, event)
            await self._fulfilled(unit, event)

    async def _fulfilled(self, unit: UnitOfWork, event: OrderEvent) -> None:
        shipments = self._belongings.shipments
        if event.shipment:
            sent = created(event.shipment, event.traceparent)
            await shipments.record(unit, sent, takes_all=event.type is EventType.SHIPPED)
        elif event.type is EventType.DELIVERED:
            at = event.occurred_at
            await shipments.deliver(unit, event.order.id, at, event.traceparent)

    async def _settled(self, unit: UnitOfWork, event: OrderEvent) -> None:
        """What the order has of promotions and stocks follows; that is the order of their locks."""
        if ends_uses(event):
            await self._belongings.promotions.give_back(unit, [event.order.id])
        if step := step_of(event):
            await self._belongings.stocks.settle(unit, [(claim_of(event), step)])

    async def delete(
        self, order_id: str, owner_scope: str | None, change: Callable[[Order], OrderEvent]
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            event = change(await self.lock(unit, order_id, owner_scope))
            unit.write(append([self._encode(event)]))
            unit.write(Write(_DELETE, (order_id,)))
            await self._settled(unit, event)

        await transaction(self._pool, work, completes_call=True)
        self.told(order_id)

    def told(self, order_id: str) -> None:
        """Wakes the relays, and those who watch the order, after a commit."""
        self._wake()
        self._tell(order_id.lower())

    async def expire(
        self, now: datetime, count_max: int, change: Callable[[Order], Changed]
    ) -> int:
        async def work(unit: UnitOfWork) -> list[str]:
            return await expire(unit, now, count_max, change, self._encode, self._belongings)

        order_ids = await transaction(self._pool, work)
        for order_id in order_ids:
            self.told(order_id)
        return len(order_ids)


async def _whole(row: Record) -> Order:
    await give_way(len(row["items"]))
    order = rows.to_order(row)
    await give_way(len(order.items))
    return order


def _not_found() -> OrderNotFound:
    return OrderNotFound("no such order")
