"""Changing an order: which transitions its status allows, and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from server.kit import errors
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.order import Order, StaffOnlyField, Status

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.CANCELLED}),
    Status.PAID: frozenset({Status.SHIPPED, Status.REFUNDED}),
    Status.SHIPPED: frozenset({Status.DELIVERED}),
    Status.DELIVERED: frozenset({Status.REFUNDED}),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}

MOVES_OF_CUSTOMERS = frozenset({Status.CANCELLED})

DELETABLE = frozenset({Status.PENDING, Status.CANCELLED})

CLEARABLE = frozenset({"shipping_address"})


class OrderNotPending(errors.Conflict):
    """The order can no longer be changed."""

    reason = "ORDER_NOT_PENDING"


class IllegalStatusMove(errors.Conflict):
    """The order's status has no transition to that one."""

    reason = "ILLEGAL_STATUS_MOVE"


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
    restock: bool | None = None  # of a refund; None: as `_puts_back` says


class Changed(NamedTuple):
    """An order after a change, and the event of it; None when nothing was changed."""

    order: Order
    event: OrderEvent | None


def check_edit(edit: Edit) -> None:
    """Raises `NothingToUpdate`, and `StaffOnlyField` for what a customer must not change.

    Before anything is read.
    """
    if not edit.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    status = edit.fields.get("status")
    if edit.restock is not None and status is not Status.REFUNDED:
        raise errors.Invalid("goes with the status REFUNDED", field="restock")
    if status is not None and status not in MOVES_OF_CUSTOMERS:
        raise StaffOnlyField("status: customers may only cancel", field="status")


def edited(
    order: Order, edit: Edit, event_id: str, now: datetime, traceparent: str | None = None
) -> Changed:
    """`order` after `edit`.

    Raises `Outdated`, `OrderNotPending`, `OrderAnonymous` or `IllegalStatusMove`.

    What the order already has is no change, so a cancel can be repeated.
    """
    errors.Outdated.check(edit.etag, order.etag, "order")
    fields = {name: value for name, value in edit.fields.items() if getattr(order, name) != value}
    if not fields:
        return Changed(order, None)
    if fields.keys() - {"status"} and order.status is not Status.PENDING:
        raise OrderNotPending(f"the order is {order.status}")
    if fields.get("shipping_address") and order.user_id is None:
        raise OrderAnonymous("the order's buyer was erased", field="shipping_address")
    status = fields.get("status")
    if status and status not in MOVES[order.status]:
        raise IllegalStatusMove(f"{order.status} cannot become {status}", field="status")
    after = replace(order, **fields, updated_at=now, version=order.version + 1)
    # The event of a transition has the name of the new status.
    type_ = EventType(status) if status else EventType.UPDATED
    event = OrderEvent(event_id, type_, after, after.version, now, traceparent)
    if status is Status.REFUNDED and _puts_back(order, edit.restock):
        event = replace(event, restocks=True)
    return Changed(after, event)


def expired(order: Order, event_id: str, now: datetime) -> Changed:
    """`order`, which was not paid in time, cancelled."""
    after = replace(order, status=Status.CANCELLED, updated_at=now, version=order.version + 1)
    event = OrderEvent(
        event_id, EventType.CANCELLED, after, after.version, now, None, has_expired=True
    )
    return Changed(after, event)


def _puts_back(before: Order, restock: bool | None) -> bool:
    """What has not left the shop is still there, unless somebody knows better."""
    return before.status is Status.PAID if restock is None else restock


def deleted(
    order: Order, etag: str, event_id: str, now: datetime, traceparent: str | None = None
) -> OrderEvent:
    """The event of the deletion of `order`. Raises `Outdated` or `OrderNotDeletable`."""
    errors.Outdated.check(etag, order.etag, "order")
    if order.status not in DELETABLE:
        raise OrderNotDeletable(f"the order is {order.status}")
    return OrderEvent(event_id, EventType.DELETED, order, order.version + 1, now, traceparent)
