"""What becomes of orders, as the analytics service wants to hear it."""

from emporium.analytics.v1 import event_service_pb2 as pb
from server.kit.wire import money, timestamp
from server.order.orders.rules import EventKind, OrderEvent

_KINDS = {EventKind(name): number for name, number in pb.OrderEvent.Kind.items() if number}


def to_bytes(event: OrderEvent) -> bytes:
    """The event as it waits in the outbox: a serialised `OrderEvent`."""
    order = event.order
    return pb.OrderEvent(
        id=event.id,
        kind=_KINDS[event.kind],
        order_id=order.id,
        user_id=order.user_id,
        order_date=timestamp(order.order_date),
        total_price=money(order.total_price),
        currency=order.currency,
        units=order.units,
        was_cancelled=event.was_cancelled,
        occurred_at=timestamp(event.occurred_at),
    ).SerializeToString()
