"""The analytics service as a caller with some token sees it, and what such callers send."""

import uuid
from collections.abc import Callable
from typing import Any

import grpc

from emporium import DomainEvent
from emporium.analytics.v1 import domain_event_service_pb2 as domain_pb
from emporium.analytics.v1 import (
    domain_event_service_pb2_grpc,
    event_service_pb2_grpc,
    personal_data_service_pb2_grpc,
    report_service_pb2_grpc,
)
from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.order.v1 import events_pb2
from emporium.order.v1.order_service_pb2 import Order, OrderItem
from server.analytics.sales.rules import OrderEvent, State
from server.kit.wire import timestamp
from tests.server.analytics.sales.histories import FIRST

VIEWED = event_pb.RecordEventRequest(type="product.viewed", properties={"product_id": "7"})


class Door:
    """The service's stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.stubs: dict[str, Any] = {
            "RecordEvent": event_service_pb2_grpc.EventServiceStub(channel),
            "RecordDomainEvents": domain_event_service_pb2_grpc.DomainEventServiceStub(channel),
            **dict.fromkeys(
                ("EraseActivity", "ExportActivity"),
                personal_data_service_pb2_grpc.PersonalDataServiceStub(channel),
            ),
            "GetSalesReport": report_service_pb2_grpc.ReportServiceStub(channel),
        }

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        call = getattr(self.stubs[name], name)
        return await call(request, metadata=[*self.metadata, *headers])


DoorOf = Callable[..., Door]


def batch(*events: OrderEvent) -> domain_pb.RecordDomainEventsRequest:
    """The request with which the order service sends `events`."""
    return domain_pb.RecordDomainEventsRequest(events=[on_the_wire(event) for event in events])


# Of an order that is PLACED still, any event that leaves it so may be the last.
_LATER = {State.PLACED: events_pb2.OrderUpdated}


def on_the_wire(event: OrderEvent) -> DomainEvent:
    """An event as the order service sends it."""
    statuses = {State.CANCELLED: Order.CANCELLED, State.REFUNDED: Order.REFUNDED}
    order = Order(
        id=event.order_id,
        user_id=event.user_id,
        status=statuses.get(event.state, Order.PENDING),
        items=[OrderItem(quantity=event.units - 1), OrderItem(quantity=1)],
        currency=event.currency,
        total_price=f"{event.total_price:f}",
        captured=f"{event.captured:f}",
        refunded=f"{event.refunded:f}",
        order_date=timestamp(event.order_date),
    )
    of_its_state: Any = getattr(events_pb2, f"Order{event.state.title()}")
    message = of_its_state if event.version == 1 else _LATER.get(event.state, of_its_state)
    sent = domain_event(event.id, message(order=order))
    sent.aggregate_id, sent.aggregate_version = order.id, event.version
    return sent


def domain_event(event_id: str, message: Any, aggregate_type: str = "order") -> DomainEvent:
    """The envelope in which a service sends `message`."""
    return DomainEvent(
        id=event_id,
        aggregate_type=aggregate_type,
        aggregate_id=str(uuid.uuid4()),
        aggregate_version=1,
        type=message.DESCRIPTOR.full_name,
        occurred_at=timestamp(FIRST),
        payload=message.SerializeToString(),
    )
