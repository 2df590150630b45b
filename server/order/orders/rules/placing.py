"""Placing an order: who may set which fields, and what it begins as."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from server.kit import errors
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Move, person
from server.order.orders.rules.order import BuyerErased, Order, StaffOnlyField, Status
from server.order.orders.rules.quoting import NewOrder, Quote


class PriceNotAllowed(errors.Forbidden):
    """A customer tried to set a price."""

    reason = "PRICE_NOT_ALLOWED"


class Drawn(NamedTuple):
    """What a new order and its event are known by."""

    order_id: str
    event_id: str
    number: int


class Placed(NamedTuple):
    """A new order, its event, and who places it."""

    order: Order
    event: OrderEvent
    caller_id: str

    def refused(self) -> errors.EmporiumError:
        """The error when the buyer was erased; the caller may be that, with a token good still."""
        if self.order.user_id == self.caller_id:
            return errors.AccountInactive("the account was deleted or disabled")
        return BuyerErased("the account was deleted", field="user_id")


def check_staff_fields(new: NewOrder, caller_id: str) -> None:
    """Raises `PriceNotAllowed` or `StaffOnlyField` for what a customer must not send.

    A customer may name itself as the owner, because that changes nothing.
    """
    for index, line in enumerate(new.lines):
        if line.total_price is not None:
            _refuse(PriceNotAllowed, "total_price")
        if line.unit_price is not None:
            _refuse(PriceNotAllowed, f"items[{index}].unit_price")
        if line.product_name is not None:
            _refuse(StaffOnlyField, f"items[{index}].product_name")
    if new.user_id is not None and new.user_id != caller_id:
        _refuse(StaffOnlyField, "user_id")
    if new.order_date is not None:
        _refuse(StaffOnlyField, "order_date")


def place(
    new: NewOrder,
    quoted: Quote,
    drawn: Drawn,
    *,
    caller_id: str,
    now: datetime,
    traceparent: str | None = None,
    unpaid_for: timedelta | None = None,
) -> Placed:
    """The order for `new`, as it was quoted.

    It may be `unpaid_for` so long, None: for ever, unless it is a historical one, which was paid.
    """
    cost = quoted.price
    is_historical = new.order_date is not None and new.order_date < now
    order = Order(
        id=drawn.order_id,
        user_id=new.user_id or caller_id,
        status=Status.PAID if is_historical else Status.PENDING,
        items=quoted.items,
        currency=quoted.currency,
        subtotal=cost.subtotal,
        discount=cost.discount,
        shipping_price=cost.shipping_price,
        tax=cost.tax,
        total_price=cost.total,
        shipping_address=new.shipping_address,
        order_date=new.order_date or now,
        created_at=now,
        updated_at=now,
        version=1,
        number=drawn.number,
        expires_at=now + unpaid_for if unpaid_for and not new.order_date else None,
        captured=cost.total if is_historical else Decimal(0),
        shipping_method_id=new.shipping_method_id,
        promotion_codes=tuple(each.code for each in quoted.promotions),
        included_tax=cost.included_tax,
    )
    move = Move(None, order.status, person(caller_id, order.user_id))
    event = OrderEvent(
        drawn.event_id,
        EventType.PLACED,
        order,
        order.version,
        now,
        traceparent,
        move,
        promotions=quoted.promotions,
    )
    return Placed(order, event, caller_id)


def _refuse(kind: type[errors.Forbidden], field: str) -> None:
    raise kind(f"{field}: only staff may set it", field=field)
