"""The analytics service as a caller with some token sees it, and what such callers send."""

from collections.abc import Callable
from typing import Any

import grpc

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.analytics.v1 import event_service_pb2_grpc, report_service_pb2_grpc
from server.analytics.reports.rules import OrderEvent
from server.kit.wire import timestamp

VIEWED = event_pb.RecordEventRequest(type="product.viewed", properties={"product_id": "7"})


class Door:
    """The service's two stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.reports = report_service_pb2_grpc.ReportServiceStub(channel)

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        stub = self.reports if name == "GetSalesReport" else self.events
        return await getattr(stub, name)(request, metadata=[*self.metadata, *headers])


DoorOf = Callable[..., Door]


def batch(*events: OrderEvent) -> event_pb.RecordOrderEventsRequest:
    """What the order service sends to tell of `events`."""
    return event_pb.RecordOrderEventsRequest(events=[on_the_wire(event) for event in events])


def on_the_wire(event: OrderEvent) -> event_pb.OrderEvent:
    """An event as the order service tells it."""
    return event_pb.OrderEvent(
        id=str(event.id),
        kind=event_pb.OrderEvent.Kind.Value(event.kind),
        order_id=str(event.order_id),
        user_id=str(event.user_id),
        order_date=timestamp(event.order_date),
        total_price=f"{event.total_price:.2f}",
        currency=event.currency,
        units=event.units,
        was_cancelled=event.was_cancelled,
        occurred_at=timestamp(event.occurred_at),
    )
