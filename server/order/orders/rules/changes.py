"""Editing and deleting an order: what may be changed when, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.kit import errors
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Act
from server.order.orders.rules.moving import Changed, check_move, moved, stamped
from server.order.orders.rules.order import Order, StaffOnlyField, Status
from server.order.orders.rules.paying import (
    check_no_open_payment,
    externally,
    puts_back,
    restocking,
)

MOVES_OF_CUSTOMERS = frozenset({Status.CANCELLED})

DELETABLE = frozenset({Status.PENDING, Status.CANCELLED})

CLEARABLE = frozenset({"shipping_address"})


class OrderNotPending(errors.Conflict):
    """The order can no longer be changed."""

    reason = "ORDER_NOT_PENDING"


class OrderNotDeletable(errors.Conflict):
    """Only pending and cancelled orders can be deleted."""

    reason = "ORDER_NOT_DELETABLE"


class OrderAnonymous(errors.Conflict):
    """The order's buyer was erased, and nothing of a person is added to it any more."""

    reason = "ORDER_ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Edit:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is
    restock: bool | None = None  # of a refund; None: as `puts_back` says


def check_edit(edit: Edit) -> None:
    """Raises `NothingToUpdate`, and `StaffOnlyField` for what a customer must not change.

    Before anything is read.
    """
    status = edit.fields.get("status")
    if edit.restock is not None and status is not Status.REFUNDED:
        raise errors.Invalid("goes with the status REFUNDED", field="restock")
    if not edit.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    if status is not None and status not in MOVES_OF_CUSTOMERS:
        raise StaffOnlyField("status: customers may only cancel", field="status")


def edited(order: Order, edit: Edit, act: Act) -> Changed:
    """`order` after `edit`.

    Raises `Outdated`, `OrderNotPending`, `OrderAnonymous` or `IllegalStatusMove`.

    What the order already has is no change, so a cancel can be repeated.
    """
    errors.Outdated.check(edit.etag, order.etag, "order")
    fields = {name: value for name, value in edit.fields.items() if getattr(order, name) != value}
    if not fields:
        return Changed(order, None)
    status = fields.pop("status", None)
    if fields and order.status is not Status.PENDING:
        raise OrderNotPending(f"the order is {order.status}")
    if fields.get("shipping_address") and order.user_id is None:
        raise OrderAnonymous("the order's buyer was erased", field="shipping_address")
    after = replace(order, **fields)
    if not status:
        return stamped(after, EventType.UPDATED, act)
    check_move(order, status, act.actor)
    changed = moved(externally(after, status), status, act)
    puts = status is Status.REFUNDED and puts_back(order, edit.restock)
    return restocking(changed, puts)


def deleted(order: Order, etag: str, act: Act) -> OrderEvent:
    """The event of the deletion of `order`.

    Raises `Outdated`, `OrderNotDeletable` or `OrderHasOpenPayment`.
    """
    errors.Outdated.check(etag, order.etag, "order")
    if order.status not in DELETABLE:
        raise OrderNotDeletable(f"the order is {order.status}")
    if order.captured:
        raise OrderNotDeletable("the order was paid, at least in part")
    check_no_open_payment(order)
    return OrderEvent(
        act.event_id, EventType.DELETED, order, order.version + 1, act.at, act.traceparent
    )
