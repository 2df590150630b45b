"""Events of orders as the contract's messages, in the outbox's envelope."""

from collections.abc import Mapping
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.orders.rules import ActorKind, EventType, OrderEvent
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

MESSAGES: Mapping[str, Any] = {each.DESCRIPTOR.full_name: each for each in _MESSAGES.values()}
"""The messages by the types of their events."""


def to_outbox(event: OrderEvent, order: bytes = b"") -> Event:
    """The event as the outbox stores it.

    `order` is the event's order as a serialised message, where the caller has it: to read that
    again costs a tenth of making it (1 against 13 us, two lines; two cores, November 2026).
    """
    message = _MESSAGES[event.type]()
    if order:
        message.order.ParseFromString(order)
    else:
        message.order.CopyFrom(to_order(event.order))
    if event.type is EventType.CANCELLED and event.move:
        message.reason = event.move.reason
        by_job = event.move.actor.kind is ActorKind.JOB
        message.cause = pb.OrderCancelled.EXPIRED if by_job else pb.OrderCancelled.REQUESTED
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.order.id,
        aggregate_version=event.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
