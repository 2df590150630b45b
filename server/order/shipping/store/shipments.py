"""Shipments in PostgreSQL. Whoever writes one has locked its order."""

from collections.abc import Callable
from datetime import datetime

from server.kit.listing.keyset import fetch_page
from server.kit.listing.paging import Page, PageQuery
from server.kit.listing.statements import Listing, Where
from server.kit.listing.totals import Totals
from server.kit.postgres import Pool, translated
from server.kit.postgres.transaction import UnitOfWork
from server.kit.turns import in_turns
from server.order.shipping.rules import (
    ListedShipment,
    Shipment,
    ShipmentChanged,
    ShipmentEvent,
    ShipmentNotFound,
    arrived,
    check_room,
    listed_items,
)
from server.order.shipping.store import SORTABLE_SHIPMENTS, rows

_LISTING = Listing("shipments", "id, created_at", SORTABLE_SHIPMENTS, filtered_by="created_at")

_GET = f"{rows.WHOLE} WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2)"
_OF_ORDER = f"{rows.WHOLE} WHERE order_id = $1 AND status <> 'DELIVERED' ORDER BY id"
_ORDER = "SELECT order_id, user_id FROM shipments WHERE id = $1"
_COUNT = "SELECT count(*) AS count FROM shipments WHERE order_id = $1"
_ON_THEIR_WAY = """
    SELECT EXISTS (
        SELECT FROM shipments WHERE order_id = $1 AND id <> $2 AND status <> 'DELIVERED'
    ) AS there
"""


class PostgresShipmentStore:
    """A `ShipmentStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._totals = Totals(pool, _LISTING.table)

    async def get(self, shipment_id: str, owner_scope: str | None) -> Shipment:
        with translated():
            row = await self._pool.fetchrow(_GET, shipment_id, owner_scope)
        if row is None:
            raise _not_found()
        return rows.to_shipment(row)

    async def list(self, order_id: str, query: PageQuery) -> Page[ListedShipment]:
        where = Where.of(equal={"order_id": order_id})
        with translated():
            page = await fetch_page(self._pool, _LISTING, self._totals, where, query)
            ids = [row["id"] for row in page.rows]
            shown = listed_items(query.per_page)
            read = await self._pool.fetch(rows.LISTED, ids, shown) if ids else []
        found = {row["id"]: row for row in read}
        there = [found[each] for each in ids if each in found]
        return page.with_rows(await in_turns(there, rows.to_listed, lambda row: len(row["items"])))


class ShipmentRecords:
    """What becomes of shipments, in the unit of work that changes their order and has locked it."""

    def __init__(self, pool: Pool, encode: rows.Encode) -> None:
        self._pool = pool
        self._encode = encode

    async def order_of(self, shipment_id: str) -> tuple[str, str | None]:
        """The order of a shipment, and its buyer, if any. Raises `ShipmentNotFound`."""
        with translated():
            row = await self._pool.fetchrow(_ORDER, shipment_id)
        if row is None:
            raise _not_found()
        return str(row["order_id"]), str(row["user_id"]) if row["user_id"] else None

    async def record(self, unit: UnitOfWork, event: ShipmentEvent, *, takes_all: bool) -> None:
        """Adds a shipment. Raises `TooManyShipments`."""
        [found] = await unit.fetch(_COUNT, event.shipment.order_id)
        check_room(found["count"], takes_all=takes_all)
        rows.insert(unit, event, self._encode)

    async def change(
        self,
        unit: UnitOfWork,
        shipment_id: str,
        change: Callable[[Shipment], ShipmentChanged],
    ) -> ShipmentChanged:
        """Stores what `change` makes of a shipment."""
        found = await unit.fetch(_GET, shipment_id, None)
        if not found:
            raise _not_found()
        changed = change(rows.to_shipment(found[0]))
        rows.update(unit, [changed], self._encode)
        return changed

    async def deliver(
        self, unit: UnitOfWork, order_id: str, at: datetime, traceparent: str | None
    ) -> None:
        """All shipments of an order that are on their way have arrived."""
        await unit.flush()  # one that has arrived by this unit is none of them
        found = await unit.fetch(_OF_ORDER, order_id)
        changes = [arrived(rows.to_shipment(row), at, traceparent) for row in found]
        rows.update(unit, changes, self._encode)

    async def are_on_their_way(self, unit: UnitOfWork, but: Shipment) -> bool:
        """Whether others of the same order than that one have not arrived."""
        [found] = await unit.fetch(_ON_THEIR_WAY, but.order_id, but.id)
        there: bool = found["there"]
        return there


def _not_found() -> ShipmentNotFound:
    return ShipmentNotFound("no such shipment")
