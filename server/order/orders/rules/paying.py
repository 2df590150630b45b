"""What payments make of an order: how far it is paid, and where that moves it."""

from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from server.kit import errors
from server.order.orders.rules.events import EventType
from server.order.orders.rules.history import Act
from server.order.orders.rules.moving import MOVES, Changed, moved, stamped
from server.order.orders.rules.order import Order, Status

_NOTHING = Decimal(0)


class OrderHasOpenPayment(errors.Conflict):
    """A payment of the order is under way or authorized."""

    reason = "ORDER_HAS_OPEN_PAYMENT"


class PaymentStatus(StrEnum):
    """How far an order is paid."""

    UNPAID = "UNPAID"
    AUTHORIZED = "AUTHORIZED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


def payment_status(order: Order) -> PaymentStatus:
    """How far `order` is paid, by the amounts alone; one that costs nothing, once it has moved."""
    if order.refunded:
        is_whole = order.refunded == order.captured
        return PaymentStatus.REFUNDED if is_whole else PaymentStatus.PARTIALLY_REFUNDED
    if order.captured:
        is_whole = order.captured >= order.total_price
        return PaymentStatus.PAID if is_whole else PaymentStatus.PARTIALLY_PAID
    if order.authorized:
        return PaymentStatus.AUTHORIZED
    was_free = not order.total_price and order.status not in (Status.PENDING, Status.CANCELLED)
    return PaymentStatus.PAID if was_free else PaymentStatus.UNPAID


def left_to_pay(order: Order) -> Decimal:
    """What no payment has, nor is after."""
    return order.total_price - order.payments_pending - order.authorized - order.captured


def check_no_open_payment(order: Order) -> None:
    """Raises `OrderHasOpenPayment`."""
    if order.payments_pending or order.authorized:
        raise OrderHasOpenPayment("the order has a payment under way; capture or void it first")


def paid(order: Order, after: Order, act: Act, restock: bool | None = None) -> Changed:
    """`after`, which is `order` with other amounts, in the status that these bring.

    An amount that is only being asked for is nobody's to see, and no change of the order.
    """
    if after.status is Status.PENDING and after.captured >= after.total_price:
        return moved(after, Status.PAID, act)
    given_back = after.refunded > order.refunded and after.refunded == after.captured
    if given_back and Status.REFUNDED in MOVES[after.status]:
        changed = moved(after, Status.REFUNDED, act)
        return restocking(changed, restock)
    if replace(after, payments_pending=order.payments_pending) == order:
        return Changed(after, None)
    return stamped(after, EventType.UPDATED, act)


def externally(order: Order, status: Status) -> Order:
    """`order` as it is paid, or paid back, outside of any provider when staff give it `status`.

    Raises `OrderHasOpenPayment`.
    """
    if status is Status.PAID:
        check_no_open_payment(order)
        return replace(order, captured=order.total_price)
    if status is Status.REFUNDED or (status is Status.CANCELLED and order.status is Status.PAID):
        check_no_open_payment(order)
        return replace(order, refunded=order.captured)
    return order


def restocking(changed: Changed, restock: bool | None) -> Changed:
    """`changed`, where what the order had goes back into the stock.

    What has not left the shop is still there, unless somebody knows better; of what has, somebody
    must know that it came back.
    """
    if changed.event is None or restock is False:
        return changed
    event = replace(changed.event, restocks=True, takes_back=restock is True)
    return changed._replace(event=event)
