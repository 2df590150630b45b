"""Sales: receives the domain events of other services, and counts those of orders."""

from emporium.analytics.v1 import domain_event_service_pb2 as pb
from server.analytics.sales import wire
from server.analytics.sales.store import SalesStore
from server.kit.context import Context


class DomainEventService:
    """`emporium.analytics.v1.DomainEventService`."""

    def __init__(self, sales: SalesStore) -> None:
        self._sales = sales

    async def RecordDomainEvents(
        self, request: pb.RecordDomainEventsRequest, context: Context
    ) -> pb.RecordDomainEventsResponse:
        events = wire.from_domain_events(request)
        recorded = await self._sales.record(events) if events else 0
        return pb.RecordDomainEventsResponse(
            recorded=recorded,
            repeated=len(events) - recorded,
            ignored=len(request.events) - len(events),
        )
