"""Each event is what the contract says of it, and in the envelope that says so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from emporium.order.v1 import events_pb2
from server.order.catalog import rules as catalog
from server.order.catalog.wire import to_product
from server.order.events import products
from server.order.events.encoding import to_outbox
from server.order.orders.rules import EventType
from server.order.orders.wire import to_order
from tests.server.order.samples import NOW, added, line, placed, product

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("type_", EventType)
def test_every_event_carries_the_whole_order_in_the_message_of_its_name(type_: EventType) -> None:
    then = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    order, event, _ = placed(line(quantity=2), line("Cup", "0.5", 3), order_date=then)
    event = replace(event, type=type_, version=7, traceparent=TRACE)

    row = to_outbox(event)

    name = f"Order{type_.title()}"
    assert row.type == f"emporium.order.v1.{name}"
    assert getattr(events_pb2, name).FromString(row.payload).order == to_order(order)
    assert (row.id, row.occurred_at, row.traceparent) == (event.id, NOW, TRACE)
    assert (row.aggregate_type, row.aggregate_id, row.aggregate_version) == (
        "order",
        order.id,
        7,
    )


def test_the_contract_has_no_event_that_is_never_told() -> None:
    published = {f"Order{type_.title()}" for type_ in EventType}
    published |= {f"Product{type_.title()}" for type_ in catalog.EventType}
    assert published == {*events_pb2.DESCRIPTOR.message_types_by_name}


def test_an_order_that_is_a_message_already_makes_the_same_event() -> None:
    order, event, _ = placed(line(quantity=2))
    assert to_outbox(event, to_order(order).SerializeToString()) == to_outbox(event)


@pytest.mark.parametrize("type_", catalog.EventType)
def test_every_event_of_a_product_carries_it_whole(type_: catalog.EventType) -> None:
    whole = product(description="Of tin", attributes={"colour": "red"})
    event = replace(added(whole).event, type=type_, version=7, traceparent=TRACE)
    row, name = products.to_outbox(event), f"Product{type_.title()}"
    assert row.type == f"emporium.order.v1.{name}"
    assert getattr(events_pb2, name).FromString(row.payload).product == to_product(whole)
    assert (row.id, row.occurred_at, row.traceparent) == (event.id, NOW, TRACE)
    assert (row.aggregate_type, row.aggregate_id, row.aggregate_version) == ("product", whole.id, 7)
