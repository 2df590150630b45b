"""Domain events through the gRPC door: what is counted, ignored, and refused."""

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.analytics.v1 import domain_event_service_pb2 as pb
from emporium.analytics.v1.report_service_pb2 import GetSalesReportRequest
from emporium.order.v1 import events_pb2 as order_events
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order, OrderItem
from emporium.user.v1 import events_pb2 as user_events
from server.analytics.sales.rules import State
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.doors import DoorOf, batch, domain_event, on_the_wire
from tests.server.analytics.sales.histories import became, placed
from tests.server.refusals import refused

# Those of products and of stock are others, which tell of no order.
EVENTS = [
    name
    for name, message in order_events.DESCRIPTOR.message_types_by_name.items()
    if "order" in message.fields_by_name
]
OTHERS = {*order_events.DESCRIPTOR.message_types_by_name} - {*EVENTS}
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


def new_id() -> str:
    return str(uuid.uuid4())


async def orders_reported(door: DoorOf, currency: str) -> int:
    report = await door("STAFF")("GetSalesReport", GetSalesReportRequest(currency=currency))
    orders: int = report.total.orders
    return orders


async def is_nothing_reported(door: DoorOf, currency: str) -> bool:
    """Of a currency that is none of ISO 4217: then a report in it is refused."""
    asked = door("STAFF")("GetSalesReport", GetSalesReportRequest(currency=currency))
    return (await refused(asked)).fields == ["currency"]


async def test_each_event_is_recorded_repeated_or_ignored(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    new, known = placed(currency), placed(currency)
    await door("SERVICE")("RecordDomainEvents", batch(known))
    events = [
        on_the_wire(new),
        on_the_wire(new),
        on_the_wire(known),
        domain_event(new_id(), user_events.UserErased(user_id=new_id()), "user"),
    ]
    product = order_events.ProductArchived(product=Product(id=new_id()))
    events.append(domain_event(new_id(), product, "product"))
    unused = domain_event(new_id(), order_events.OrderPaid())
    unused.type = "emporium.stock.v9.ShelfPainted"
    request = pb.RecordDomainEventsRequest(events=[*events, unused])
    answer = await door("SERVICE")("RecordDomainEvents", request)
    assert (answer.recorded, answer.repeated, answer.ignored) == (1, 2, 3)
    assert await orders_reported(door, currency) == 2


@pytest.mark.parametrize("name", EVENTS)
async def test_whichever_event_arrives_first_tells_what_the_order_has_become(
    door: DoorOf, new_currency: NewCurrency, name: str
) -> None:
    currency = new_currency()
    placed_before = on_the_wire(placed(currency))
    order = order_events.OrderPlaced.FromString(placed_before.payload).order
    sent = domain_event(new_id(), getattr(order_events, name)(order=order))
    sent.aggregate_id, sent.aggregate_version = placed_before.aggregate_id, 2
    for events in ([sent], [placed_before, sent]):
        await door("SERVICE")("RecordDomainEvents", pb.RecordDomainEventsRequest(events=events))
        if name == "OrderDeleted":
            assert await is_nothing_reported(door, currency)
        else:
            assert await orders_reported(door, currency) == 1


@pytest.mark.parametrize("name", sorted(OTHERS))
async def test_an_event_that_tells_of_no_order_is_ignored(door: DoorOf, name: str) -> None:
    event = domain_event(new_id(), getattr(order_events, name)(), "stock")
    request = pb.RecordDomainEventsRequest(events=[event])
    answer = await door("SERVICE")("RecordDomainEvents", request)
    assert answer == pb.RecordDomainEventsResponse(ignored=1)


async def test_a_type_that_is_ignored_is_not_read(door: DoorOf) -> None:
    event = domain_event(new_id(), user_events.UserErased(), "user")
    event.payload = b"\xff\xff no message"
    answer = await door("SERVICE")(
        "RecordDomainEvents", pb.RecordDomainEventsRequest(events=[event])
    )
    assert answer == pb.RecordDomainEventsResponse(ignored=1)


async def test_a_deleted_order_counts_for_nothing(door: DoorOf, new_currency: NewCurrency) -> None:
    first = placed(new_currency())
    cancelled = became(first, State.CANCELLED)
    life = batch(first, cancelled, became(cancelled, State.DELETED))
    assert (await door("SERVICE")("RecordDomainEvents", life)).recorded == 3
    assert await is_nothing_reported(door, first.currency)


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
    assert await is_nothing_reported(door, currency)


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("id", {"id": "7"}),
        ("user_id", {"user_id": "7"}),
        ("total_price", {"total_price": "-1.50"}),
        ("total_price", {"total_price": "1e3"}),
        ("currency", {"currency": "gbp"}),
        ("items", {"items": [OrderItem(quantity=0)]}),
        ("order_date", {"order_date": Timestamp(seconds=2**60)}),
        ("order_date", {"order_date": Timestamp(nanos=2_000_000_000)}),
    ],
)
@pytest.mark.parametrize("name", EVENTS)
async def test_an_order_that_cannot_be_is_named_and_stops_the_batch(
    door: DoorOf, new_currency: NewCurrency, name: str, field: str, broken: dict[str, Any]
) -> None:
    currency = new_currency()
    request = batch(placed(currency), placed(currency))
    order = order_events.OrderPlaced.FromString(request.events[1].payload).order
    for each in broken:
        order.ClearField(each)  # type: ignore[arg-type]  # any field of the message
    order.MergeFrom(Order(**broken))
    message = getattr(order_events, name)
    request.events[1].CopyFrom(domain_event(new_id(), message(order=order)))
    found = await refused(door("SERVICE")("RecordDomainEvents", request))
    assert (found.code, found.fields) == (INVALID_ARGUMENT, [f"events[1].payload.order.{field}"])
    assert await is_nothing_reported(door, currency)


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
