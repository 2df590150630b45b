"""Shipments between dataclasses and PostgreSQL's rows."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from server.kit.outbox import Event, append
from server.kit.postgres import Record
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Table
from server.order.shipping.rules import (
    ListedShipment,
    Part,
    Shipment,
    ShipmentChanged,
    ShipmentEvent,
    Status,
    Tracking,
)

_OWN = tuple(field.name for field in fields(Shipment) if field.name not in ("items", "tracking"))
_HEARD = tuple(field.name for field in fields(Tracking))

SHIPMENTS = Table("shipments", _OWN)
ITEMS = Table("shipment_items", ("shipment_id", "order_id", "position", "quantity"))
HEARD = Table("tracking_events", ("shipment_id", *_HEARD))

_ITEMS = """
    SELECT ROW(position, quantity) FROM shipment_items
    WHERE shipment_id = shipments.id ORDER BY position
"""

WHOLE = f"""
    SELECT {SHIPMENTS.columns}, ARRAY({_ITEMS}) AS items, ARRAY(
        SELECT ROW({HEARD.columns.removeprefix("shipment_id, ")}) FROM tracking_events
        WHERE shipment_id = shipments.id ORDER BY occurred_at, id
    ) AS heard
    FROM shipments
"""

LISTED = f"""
    SELECT {SHIPMENTS.columns}, ARRAY({_ITEMS} LIMIT $2) AS items, (
        SELECT count(*) FROM shipment_items WHERE shipment_id = shipments.id
    ) AS item_count
    FROM shipments WHERE id = ANY($1)
"""

Encode = Callable[[ShipmentEvent], Event]
"""Puts an event into the outbox's envelope."""


def insert(unit: UnitOfWork, event: ShipmentEvent, encode: Encode) -> None:
    """Adds to what `unit` writes: a new shipment with its items, and its event.

    What was sent of each line the database counts, by a trigger of the items.
    """
    shipment = event.shipment
    unit.write(SHIPMENTS.insert([_own(shipment)]))
    unit.write(
        ITEMS.insert(
            [
                {"shipment_id": shipment.id, "order_id": shipment.order_id, **part._asdict()}
                for part in shipment.items
            ]
        )
    )
    unit.write(append([encode(event)]))


def update(unit: UnitOfWork, changes: list[ShipmentChanged], encode: Encode) -> None:
    """Adds to what `unit` writes: what `changes` have made of shipments, and their events."""
    events = [event for _, event in changes if event]
    if not events:
        return
    unit.write(SHIPMENTS.update([_own(event.shipment) for event in events]))
    heard = [
        {
            "shipment_id": event.shipment.id,
            **{name: getattr(event.tracking, name) for name in _HEARD},
        }
        for event in events
        if event.tracking
    ]
    if heard:
        unit.write(HEARD.insert(heard))
    unit.write(append([encode(event) for event in events]))


def to_shipment(row: Record) -> Shipment:
    """A shipment from a row of `WHOLE`."""
    heard = tuple(
        Tracking(str(id_), Status(status), location, note, occurred_at, created_at)
        for id_, status, location, note, occurred_at, created_at in row["heard"]
    )
    return _shipment(row, heard)


def to_listed(row: Record) -> ListedShipment:
    """A shipment of a list from a row of `LISTED`."""
    return ListedShipment(_shipment(row, ()), row["item_count"])


def _shipment(row: Record, heard: tuple[Tracking, ...]) -> Shipment:
    method_id = row["shipping_method_id"]
    return Shipment(
        id=str(row["id"]),
        order_id=str(row["order_id"]),
        user_id=str(row["user_id"]) if row["user_id"] else None,
        shipping_method_id=str(method_id) if method_id else None,
        status=Status(row["status"]),
        items=tuple(Part(*part) for part in row["items"]),
        tracking_number=row["tracking_number"],
        tracking=heard,
        delivered_at=row["delivered_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def _own(shipment: Shipment) -> dict[str, Any]:
    return {name: getattr(shipment, name) for name in _OWN}
