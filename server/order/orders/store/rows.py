"""Orders between dataclasses and PostgreSQL's rows."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from server.kit.postgres import Record
from server.kit.postgres.writes import Table, Write
from server.order.orders.rules import (
    Actor,
    ActorKind,
    Address,
    Fulfilment,
    Item,
    ListedOrder,
    Order,
    OrderEvent,
    PastMove,
    Status,
)

_OWN = tuple(field.name for field in fields(Order) if field.name != "items")
# What was sent of a line, and came back, the database counts itself, by triggers of what is in
# shipments and returns.
_COUNTED = ("shipped", "returned", "restocked")
_ITEM = tuple(field.name for field in fields(Item) if field.name not in _COUNTED)

ORDERS = Table("orders", _OWN, lock_rank=30)
ITEMS = Table("order_items", ("order_id", "position", *_ITEM), key=("order_id", "position"))
_MOVE = ("id", "order_id", "before", "after", "actor_kind", "actor", "reason", "occurred_at")
MOVES = Table("order_moves", _MOVE)

_DELETE_ITEMS_AFTER = "DELETE FROM order_items WHERE order_id = $1 AND position > $2"

ITEM = f"ROW({', '.join((*_ITEM, *_COUNTED))})"
"""A line as `to_order` reads it, in statements."""

_decode_address = msgspec.json.Decoder(Address).decode


def inserts(orders: Sequence[Order]) -> list[Write]:
    """The writes that add `orders` with their items."""
    items = [row for order in orders for row in _items(order)]
    return [ORDERS.insert([_own(order) for order in orders]), ITEMS.insert(items)]


def updates(before: Order, after: Order) -> list[Write]:
    """The writes that change the stored `before` to `after`: every column, and changed items."""
    writes = [update([after])]
    if after.items is not before.items and [*_items(after)] != [*_items(before)]:
        writes.append(ITEMS.upsert([*_items(after)]))
    if len(after.items) < len(before.items):
        writes.append(Write(_DELETE_ITEMS_AFTER, (after.id, len(after.items))))
    return writes


def moves(events: Sequence[OrderEvent]) -> list[Write]:
    """The writes that keep those of `events` in the history that are moves: one, or none."""
    rows = [
        {
            "id": event.id,
            "order_id": event.order.id,
            "before": event.move.before,
            "after": event.move.after,
            "actor_kind": event.move.actor.kind,
            "actor": event.move.actor.name,
            "reason": event.move.reason,
            "occurred_at": event.occurred_at,
        }
        for event in events
        if event.move
    ]
    return [MOVES.insert(rows)] if rows else []


def to_move(row: Record) -> PastMove:
    """A move from a row with all its columns."""
    kind, before = row["actor_kind"], row["before"]
    return PastMove(
        id=str(row["id"]),
        before=Status(before) if before else None,
        after=Status(row["after"]),
        actor=Actor(ActorKind(kind), row["actor"]) if kind else None,
        reason=row["reason"],
        occurred_at=row["occurred_at"],
    )


def update(orders: Sequence[Order]) -> Write:
    """The write of all that `orders` have beside their items."""
    return ORDERS.update([_own(order) for order in orders])


def _own(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _OWN}


def _items(order: Order) -> Iterator[dict[str, Any]]:
    for position, item in enumerate(order.items, 1):
        own = {name: getattr(item, name) for name in _ITEM}
        yield {"order_id": order.id, "position": position, **own}


def to_listed(row: Record) -> ListedOrder:
    """An order of a list from a row that has its first `items` and its `item_count`."""
    return ListedOrder(to_order(row), row["item_count"])


def to_order(row: Record) -> Order:
    """An order from a row with all its columns and its `items`."""
    address = row["shipping_address"]
    return Order(
        id=str(row["id"]),
        user_id=str(row["user_id"]) if row["user_id"] else None,
        status=Status(row["status"]),
        items=tuple(
            Item(str(product_id) if product_id else None, *values)
            for product_id, *values in row["items"]  # as `ITEM` has them
        ),
        currency=row["currency"],
        subtotal=row["subtotal"],
        discount=row["discount"],
        shipping_price=row["shipping_price"],
        tax=row["tax"],
        total_price=row["total_price"],
        shipping_address=_decode_address(address) if address else None,
        order_date=row["order_date"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        number=row["number"],
        expires_at=row["expires_at"],
        payments_pending=row["payments_pending"],
        authorized=row["authorized"],
        captured=row["captured"],
        refunded=row["refunded"],
        fulfilment_status=Fulfilment(row["fulfilment_status"]),
        shipping_method_id=str(row["shipping_method_id"]) if row["shipping_method_id"] else None,
        promotion_codes=tuple(row["promotion_codes"]),
        included_tax=row["included_tax"],
    )
