"""What orders claim of the stock of their products, and of promotions, and when."""

from collections.abc import Mapping

from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.order import Order, Status
from server.order.pricing.rules import Uses
from server.order.stock import rules as stock

_STEPS: Mapping[EventType, stock.Step] = {
    EventType.PAID: stock.PAID,
    EventType.CANCELLED: stock.ENDED,
    EventType.REFUNDED: stock.ENDED,
}


def moves_stock(order: Order) -> bool:
    """Whether it reserves anything: a historical one has had its goods long ago."""
    return not order.is_historical and any(item.product_id for item in order.items)


def claim_of(event: OrderEvent) -> stock.Claim:
    """What the order of `event` claims, because of it; `gone` is what has left the shop by then."""
    items = event.order.items
    # What came back and was put into the stock by a return is not put back again.
    gone = [
        (item.product_id, item.restocked if event.takes_back else item.shipped) for item in items
    ]
    if event.shipment:
        sent = event.shipment.items
        lines = [stock.Line(items[at - 1].product_id, count) for at, count in sent]
    else:
        lines = [stock.Line(item.product_id, item.quantity) for item in items]
    cause = stock.Cause(
        at=event.occurred_at, order_id=event.order.id, traceparent=event.traceparent
    )
    return stock.Claim(lines, cause, stock.counted(gone))


def step_of(event: OrderEvent) -> stock.Step | None:
    """What becomes of the stock that the order of `event` has; None: nothing."""
    if not moves_stock(event.order):
        return None
    if event.type is EventType.DELETED:
        return stock.ENDED if event.order.status is Status.PENDING else None
    if event.shipment:
        return stock.SENT
    return stock.PUT_BACK if event.restocks else _STEPS.get(event.type)


def uses_of(event: OrderEvent) -> Uses:
    """What the new order of `event` uses of promotions."""
    return Uses(event.order.id, event.order.user_id, event.promotions)


def ends_uses(event: OrderEvent) -> bool:
    """Whether the order of `event` uses its promotions no more, because of it."""
    if not event.order.promotion_codes:
        return False
    is_unpaid = event.order.status is Status.PENDING
    return event.type is EventType.CANCELLED or (event.type is EventType.DELETED and is_unpaid)
