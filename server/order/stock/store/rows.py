"""Stocks and movements between dataclasses and PostgreSQL's rows."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from server.kit.outbox import Event, append, new_id
from server.kit.postgres import Record
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Table
from server.order.stock.rules import Change, Kind, Movement, Reason, Stock, StockEvent

_MOVEMENT = tuple(field.name for field in fields(Movement))

STOCK = Table(
    "stock", tuple(field.name for field in fields(Stock)), key=("product_id",), lock_rank=40
)
MOVEMENTS = Table("stock_movements", ("id", *_MOVEMENT))

Encode = Callable[[StockEvent], Event]
"""Puts an event into the outbox's envelope."""


def write(unit: UnitOfWork, changes: Sequence[Change], encode: Encode) -> None:
    """Adds to what `unit` writes: stocks as they are after `changes`, movements and events."""
    if not changes:
        return
    last = {change.stock.product_id: change.stock for change in changes}
    unit.write(STOCK.update([*last.values()]))
    movements = [_row(change.movement) for change in changes if change.movement]
    if movements:
        unit.write(MOVEMENTS.insert(movements))
    if events := [encode(change.event) for change in changes if change.event]:
        unit.write(append(events))


def _row(movement: Movement) -> dict[str, Any]:
    return {"id": new_id(), **{name: getattr(movement, name) for name in _MOVEMENT}}


def to_stock(row: Record) -> Stock:
    """A stock from a row with all its columns."""
    return Stock(
        product_id=str(row["product_id"]),
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        low_stock_at=row["low_stock_at"],
        tracked=row["tracked"],
        backorders=row["backorders"],
        version=row["version"],
        movements=row["movements"],
        events=row["events"],
        updated_at=row["updated_at"],
    )


def to_movement(row: Record) -> tuple[str, Movement]:
    """A movement from a row with all its columns, and its id."""
    return str(row["id"]), Movement(
        product_id=str(row["product_id"]),
        number=row["number"],
        kind=Kind(row["kind"]),
        on_hand_delta=row["on_hand_delta"],
        reserved_delta=row["reserved_delta"],
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        order_id=str(row["order_id"]) if row["order_id"] else None,
        actor_id=row["actor_id"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        note=row["note"],
        created_at=row["created_at"],
    )
