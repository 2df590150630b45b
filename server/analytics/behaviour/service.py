"""Behaviour: what users do in the shop."""

from datetime import UTC, datetime

from uuid_utils import uuid7

from emporium.analytics.v1 import event_service_pb2 as pb
from server.analytics.behaviour import rules, wire
from server.analytics.behaviour.store import EventStore
from server.kit.context import Context


class EventService:
    """`emporium.analytics.v1.EventService`."""

    def __init__(self, events: EventStore) -> None:
        self._events = events

    async def RecordEvent(self, request: pb.RecordEventRequest, context: Context) -> pb.Event:
        event_id = request.request_id.lower() or str(uuid7())
        new = wire.from_record(request)
        event = rules.event(new, event_id, context.signed_in.id, datetime.now(UTC))
        kept = await self._events.record(event)
        return wire.to_event(rules.repeated(kept, event) if kept else event)
