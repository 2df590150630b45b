"""Behaviour events between Protobuf and dataclasses. No logic."""

from emporium.analytics.v1 import event_service_pb2 as pb
from server.analytics.behaviour.rules import Event, NewEvent
from server.kit.wire import moment, timestamp


def from_record(request: pb.RecordEventRequest) -> NewEvent:
    """The event as the caller reports it. Raises `Invalid` for a time out of range."""
    happened = request.occurred_at if request.HasField("occurred_at") else None
    return NewEvent(
        type=request.type,
        occurred_at=moment(happened, "occurred_at") if happened else None,
        properties=dict(request.properties),
    )


def to_event(event: Event) -> pb.Event:
    """An event on the wire."""
    return pb.Event(
        id=event.id,
        user_id=event.user_id,
        type=event.type,
        occurred_at=timestamp(event.occurred_at),
        properties=event.properties,
    )
