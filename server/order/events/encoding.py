"""Events of orders as the contract's messages, in the outbox's envelope."""

from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.orders.rules import EventType, OrderEvent
from server.order.orders.wire import to_order

AGGREGATE_TYPE = "order"

_MESSAGES: dict[EventType, Any] = {
    EventType.PLACED: pb.OrderPlaced,
    EventType.UPDATED: pb.OrderUpdated,
    EventType.PAID: pb.OrderPaid,
    EventType.SHIPPED: pb.OrderShipped,
    EventType.DELIVERED: pb.OrderDelivered,
    EventType.CANCELLED: pb.OrderCancelled,
    EventType.REFUNDED: pb.OrderRefunded,
    EventType.DELETED: pb.OrderDeleted,
}


def to_outbox(event: OrderEvent) -> Event:
    """The event as the outbox stores it."""
    message = _MESSAGES[event.type]
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.order.id,
        aggregate_version=event.version,
        type=message.DESCRIPTOR.full_name,
        payload=message(order=to_order(event.order)).SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
