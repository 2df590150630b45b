"""Domain events through the gRPC door: what is counted, ignored, and refused."""

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.analytics.v1 import domain_event_service_pb2 as pb
from emporium.analytics.v1.report_service_pb2 import GetSalesReportRequest
from emporium.order.v1 import events_pb2 as order_events
from emporium.order.v1.order_service_pb2 import Order, OrderItem
from emporium.user.v1 import events_pb2 as user_events
from server.analytics.sales.rules import Kind
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.doors import DoorOf, batch, domain_event, on_the_wire
from tests.server.analytics.sales.histories import placed
from tests.server.refusals import refused

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def new_id() -> str:
    return str(uuid.uuid4())


async def orders_reported(door: DoorOf, currency: str) -> int:
    report = await door("STAFF")("GetSalesReport", GetSalesReportRequest(currency=currency))
    orders: int = report.total.orders
    return orders


async def test_each_event_is_recorded_repeated_or_ignored(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    new, known = placed(currency), placed(currency)
    await door("SERVICE")("RecordDomainEvents", batch(known))
    order = Order(id=new_id())
    events = [
        on_the_wire(new),
        on_the_wire(new),
        on_the_wire(known),
        domain_event(new_id(), order_events.OrderPaid(order=order)),
        domain_event(new_id(), order_events.OrderUpdated(order=order)),
        domain_event(new_id(), user_events.UserErased(user_id=new_id()), "user"),
    ]
    unused = domain_event(new_id(), order_events.OrderPaid(order=order))
    unused.type = "emporium.stock.v9.ShelfPainted"
    request = pb.RecordDomainEventsRequest(events=[*events, unused])
    answer = await door("SERVICE")("RecordDomainEvents", request)
    assert (answer.recorded, answer.repeated, answer.ignored) == (1, 2, 4)
    assert await orders_reported(door, currency) == 2


async def test_a_type_that_is_ignored_is_not_read(door: DoorOf) -> None:
    event = domain_event(new_id(), order_events.OrderShipped())
    event.payload = b"\xff\xff no message"
    answer = await door("SERVICE")(
        "RecordDomainEvents", pb.RecordDomainEventsRequest(events=[event])
    )
    assert answer == pb.RecordDomainEventsResponse(ignored=1)


async def test_a_deleted_order_takes_back_what_it_had_added(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    first = placed(currency)
    cancelled = on_the_wire(first)
    order = order_events.OrderPlaced.FromString(cancelled.payload).order
    order.status = Order.CANCELLED
    life = [
        on_the_wire(first),
        domain_event(new_id(), order_events.OrderCancelled(order=order)),
        domain_event(new_id(), order_events.OrderDeleted(order=order)),
    ]
    answer = await door("SERVICE")("RecordDomainEvents", pb.RecordDomainEventsRequest(events=life))
    assert answer.recorded == 3
    report = await door("STAFF")("GetSalesReport", GetSalesReportRequest(currency=currency))
    assert not report.days


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "not-a-uuid"),
        ("aggregate_type", "Order"),
        ("aggregate_id", "7"),
        ("aggregate_version", 0),
        ("type", "OrderPlaced"),
    ],
)
async def test_an_envelope_that_breaks_a_rule_is_named_and_stops_the_batch(
    door: DoorOf, new_currency: NewCurrency, field: str, value: Any
) -> None:
    currency = new_currency()
    request = batch(placed(currency), placed(currency))
    setattr(request.events[1], field, value)
    found = await refused(door("SERVICE")("RecordDomainEvents", request))
    assert (found.code, found.fields) == (INVALID_ARGUMENT, [f"events[1].{field}"])
    assert await orders_reported(door, currency) == 0


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("id", {"id": "7"}),
        ("user_id", {"user_id": ""}),
        ("total_price", {"total_price": "-1.50"}),
        ("total_price", {"total_price": "1e3"}),
        ("currency", {"currency": "gbp"}),
        ("items", {"items": [OrderItem(quantity=0)]}),
        ("order_date", {"order_date": Timestamp(seconds=2**60)}),
        ("order_date", {"order_date": Timestamp(nanos=2_000_000_000)}),
    ],
)
@pytest.mark.parametrize("kind", Kind)
async def test_an_order_that_cannot_be_is_named_and_stops_the_batch(
    door: DoorOf, new_currency: NewCurrency, kind: Kind, field: str, broken: dict[str, Any]
) -> None:
    currency = new_currency()
    request = batch(placed(currency), placed(currency))
    order = order_events.OrderPlaced.FromString(request.events[1].payload).order
    for name in broken:
        order.ClearField(name)  # type: ignore[arg-type]  # any field of the message
    order.MergeFrom(Order(**broken))
    message = getattr(order_events, f"Order{kind.title()}")
    request.events[1].CopyFrom(domain_event(new_id(), message(order=order)))
    found = await refused(door("SERVICE")("RecordDomainEvents", request))
    assert (found.code, found.fields) == (INVALID_ARGUMENT, [f"events[1].payload.order.{field}"])
    assert await orders_reported(door, currency) == 0


async def test_a_payload_that_is_no_such_message_is_named(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    request = batch(placed(new_currency()), placed(new_currency()))
    request.events[1].payload = b"\xff\xff no message"
    found = await refused(door("SERVICE")("RecordDomainEvents", request))
    assert (found.code, found.fields) == (INVALID_ARGUMENT, ["events[1].payload"])


@pytest.mark.parametrize("moment", [Timestamp(seconds=2**60), Timestamp(nanos=2_000_000_000)])
async def test_an_event_of_no_year_we_know_is_named(
    door: DoorOf, new_currency: NewCurrency, moment: Timestamp
) -> None:
    request = batch(placed(new_currency()), placed(new_currency()))
    request.events[1].occurred_at.CopyFrom(moment)
    found = await refused(door("SERVICE")("RecordDomainEvents", request))
    assert (found.code, found.fields) == (INVALID_ARGUMENT, ["events[1].occurred_at"])
