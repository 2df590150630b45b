"""Editing and deleting an order: what may be changed when, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from server.kit import errors
from server.order.addresses.rules import Address
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.fulfilling import arrived, sent
from server.order.orders.rules.history import Act
from server.order.orders.rules.moving import Changed, check_move, moved, stamped
from server.order.orders.rules.order import (
    Order,
    OrderAnonymous,
    StaffOnlyField,
    Status,
)
from server.order.orders.rules.paying import check_no_open_payment, externally, restocking
from server.order.orders.rules.taxing import Taxing, retaxed
from server.order.shipping.rules import Parcel

MOVES_OF_CUSTOMERS = frozenset({Status.CANCELLED})

DELETABLE = frozenset({Status.PENDING, Status.CANCELLED})

CLEARABLE = frozenset({"shipping_address"})


class OrderNotPending(errors.Conflict):
    """The order can no longer be changed."""

    reason = "ORDER_NOT_PENDING"


class OrderNotDeletable(errors.Conflict):
    """Only pending and cancelled orders can be deleted."""

    reason = "ORDER_NOT_DELETABLE"


class ShippingAgreed(errors.Conflict):
    """The price of shipping was agreed for another country than that of the new address."""

    reason = "SHIPPING_PRICE_AGREED"


@dataclass(frozen=True, slots=True)
class Edit:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is
    restock: bool | None = None  # of a refund; None: what was not sent


def check_edit(edit: Edit) -> None:
    """Raises `NothingToUpdate` or `Invalid`, before anything is read."""
    if edit.restock is not None and edit.fields.get("status") is not Status.REFUNDED:
        raise errors.Invalid("goes with the status REFUNDED", field="restock")
    if not edit.fields:
        raise errors.NothingToUpdate("send at least one field to change")


def check_move_of_customer(edit: Edit, order: Order | None = None) -> None:
    """Raises `StaffOnlyField` for a status that a customer must not give.

    That which the `order` has already is no change.
    """
    status = edit.fields.get("status")
    if status is None or (order is not None and order.status is status):
        return
    if status not in MOVES_OF_CUSTOMERS:
        raise StaffOnlyField("status: customers may only cancel", field="status")


def edited(order: Order, edit: Edit, act: Act, taxing: Taxing | None = None) -> Changed:
    """`order` after `edit`; `taxing` goes with an address.

    Raises `Outdated`, `OrderNotPending`, `OrderAnonymous`, `ShippingAgreed`, `TaxAgreed` or
    `IllegalStatusMove`.
    What is SHIPPED by it is sent, all that is left; what is DELIVERED has arrived.

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
    after = order
    if "shipping_address" in fields:
        address = fields.pop("shipping_address")
        _check_country(order, address)
        after = retaxed(order, address, taxing or Taxing())
    after = replace(after, **fields)
    if not status:
        return stamped(after, EventType.UPDATED, act)
    check_move(order, status, act)
    if status is Status.SHIPPED:
        return Changed(*sent(after, Parcel(), act)[:2])
    if status is Status.DELIVERED:
        return arrived(after, act)
    changed = moved(externally(after, status), status, act)
    return restocking(changed, edit.restock) if status is Status.REFUNDED else changed


def _check_country(order: Order, address: Address | None) -> None:
    """Raises `ShippingAgreed`: the price that was agreed is of one country."""
    agreed = order.shipping_address
    if order.shipping_method_id is None or agreed is None:
        return
    if address is None:
        raise ShippingAgreed(
            f"shipping_address: shipping to {agreed.country_code} was agreed",
            field="shipping_address",
        )
    if address.country_code != agreed.country_code:
        raise ShippingAgreed(
            f"shipping_address.country_code: shipping to {agreed.country_code} was agreed;"
            f" order anew for {address.country_code}",
            field="shipping_address.country_code",
        )


def cancelled(order: Order, etag: str, act: Act) -> Changed:
    """`order` after it was cancelled; one that is CANCELLED already stays as it is.

    Raises `Outdated`, `IllegalStatusMove`, `OrderHasOpenPayment`, or `OrderAnonymous` for a reason.
    """
    errors.Outdated.check(etag, order.etag, "order")
    if order.status is Status.CANCELLED:
        return Changed(order, None)
    if act.reason and order.user_id is None:
        raise OrderAnonymous("the order's buyer was erased", field="reason")
    check_move(order, Status.CANCELLED, act)
    return moved(externally(order, Status.CANCELLED), Status.CANCELLED, act)


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
