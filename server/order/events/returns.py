"""Events of returns as the contract's messages, in the outbox's envelope."""

from dataclasses import replace
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.returns.rules import EventType, ReturnEvent
from server.order.returns.wire import to_told

AGGREGATE_TYPE = "return"

_MESSAGES: dict[EventType, Any] = {
    EventType.REQUESTED: pb.ReturnRequested,
    EventType.APPROVED: pb.ReturnApproved,
    EventType.RECEIVED: pb.ReturnReceived,
    EventType.REFUNDED: pb.ReturnRefunded,
    EventType.REJECTED: pb.ReturnRejected,
    EventType.CANCELLED: pb.ReturnCancelled,
    EventType.UPDATED: pb.ReturnUpdated,
}

_BY_NAME: dict[str, Any] = {each.DESCRIPTOR.full_name: each for each in _MESSAGES.values()}


def to_outbox(event: ReturnEvent) -> Event:
    """The event as the outbox stores it."""
    message = _MESSAGES[event.type](order_return=to_told(event.returned))
    if event.reason:
        message.reason = event.reason
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.returned.id,
        aggregate_version=event.returned.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )


def anonymous(event: Event) -> Event:
    """`event` of a return without the words that were said."""
    told = _BY_NAME[event.type].FromString(event.payload)
    told.order_return.comment = ""
    if "reason" in told.DESCRIPTOR.fields_by_name:
        told.reason = ""
    return replace(event, payload=told.SerializeToString())
