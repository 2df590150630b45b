"""Events of shipments as the contract's messages, in the outbox's envelope."""

from dataclasses import replace
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event, new_id
from server.order.shipping.rules import EventType, ShipmentEvent
from server.order.shipping.wire import to_told, to_tracking

AGGREGATE_TYPE = "shipment"

_MESSAGES: dict[EventType, Any] = {
    EventType.CREATED: pb.ShipmentCreated,
    EventType.UPDATED: pb.ShipmentUpdated,
    EventType.DELIVERED: pb.ShipmentDelivered,
}

_BY_NAME: dict[str, Any] = {each.DESCRIPTOR.full_name: each for each in _MESSAGES.values()}


def to_outbox(event: ShipmentEvent) -> Event:
    """The event as the outbox stores it."""
    message = _MESSAGES[event.type](shipment=to_told(event.shipment))
    if event.tracking:
        message.tracking_event.CopyFrom(to_tracking(event.tracking))
    return Event(
        id=new_id(),
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.shipment.id,
        aggregate_version=event.shipment.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )


def anonymous(event: Event) -> Event:
    """`event` of a shipment without its tracking number, and where it was."""
    told = _BY_NAME[event.type].FromString(event.payload)
    told.shipment.tracking_number = ""
    if "tracking_event" in told.DESCRIPTOR.fields_by_name and told.HasField("tracking_event"):
        told.tracking_event.location = told.tracking_event.note = ""
    return replace(event, payload=told.SerializeToString())
