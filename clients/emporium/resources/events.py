"""Events."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from emporium.analytics.v1.domain_event_service_pb2 import (
    RecordDomainEventsRequest,
    RecordDomainEventsResponse,
)
from emporium.analytics.v1.domain_event_service_pb2_grpc import DomainEventServiceStub
from emporium.analytics.v1.event_service_pb2 import Event, RecordEventRequest
from emporium.analytics.v1.event_service_pb2_grpc import EventServiceStub
from emporium.analytics.v1.personal_data_service_pb2 import (
    EraseActivityRequest,
    ExportActivityRequest,
)
from emporium.analytics.v1.personal_data_service_pb2_grpc import PersonalDataServiceStub
from emporium.connection import Connection
from emporium.type.v1.domain_event_pb2 import DomainEvent
from emporium.type.v1.personal_data_pb2 import ErasureReceipt, ExportedPart
from emporium.values import timestamp


class Events:
    """`shop.events`: records user behaviour, and events of other services."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = EventServiceStub(connection.channel)
        self._personal_data = PersonalDataServiceStub(connection.channel)
        self._domain_events = DomainEventServiceStub(connection.channel)

    async def record(
        self,
        type: str,  # noqa: A002 - the contract's name for it
        *,
        properties: Mapping[str, str] | None = None,
        occurred_at: datetime | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Event:
        """Records something the caller did, such as `product.viewed`; now, unless a time is given.

        The `idempotency_key` is a UUID and becomes the event's id: a repeat counts once. Left out,
        the call is an event of its own, however often it is retried.

        Raises `AlreadyExists` (EVENT_ID_REUSED), `InvalidRequest`.
        """
        request = RecordEventRequest(
            request_id=idempotency_key or str(uuid4()),
            type=type,
            occurred_at=timestamp(occurred_at),
            properties=properties,
        )
        return await self._connection.call(self._stub.RecordEvent, request, timeout_seconds)

    async def record_domain_events(
        self, events: Iterable[DomainEvent], *, timeout_seconds: float | None = None
    ) -> RecordDomainEventsResponse:
        """Records 1 to 500 domain events of other services, all or none. For services.

        Each event has its effect once, by its id, however often it is sent; types that have none
        are ignored.

        Raises `InvalidRequest` naming an event that can never be recorded, `Unavailable`.
        """
        request = RecordDomainEventsRequest(events=events)
        return await self._connection.call(
            self._domain_events.RecordDomainEvents, request, timeout_seconds
        )

    async def erase_activity(
        self, user_id: str, erased_at: datetime, *, timeout_seconds: float | None = None
    ) -> ErasureReceipt:
        """Erases a person whose account was deleted at that time. For services.

        A repeat goes on where one before was interrupted. Raises `InvalidRequest`.
        """
        request = EraseActivityRequest(user_id=user_id, erased_at=timestamp(erased_at))
        return await self._connection.call(
            self._personal_data.EraseActivity, request, timeout_seconds
        )

    async def export_activity(
        self,
        user_id: str,
        *,
        part: str = "",
        page_token: str = "",
        timeout_seconds: float | None = None,
    ) -> Sequence[ExportedPart]:
        """What is held of a person, or a page of one part. For services.

        Raises `InvalidRequest` (INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        request = ExportActivityRequest(user_id=user_id, part=part, page_token=page_token)
        answer = await self._connection.call(
            self._personal_data.ExportActivity, request, timeout_seconds
        )
        return answer.parts
