"""Each event is what the contract says of it, and in the envelope that says so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from emporium.order.v1 import events_pb2
from server.order.catalog import rules as catalog
from server.order.catalog.wire import to_product
from server.order.events import products
from server.order.events import stock as stock_events
from server.order.events.encoding import to_outbox
from server.order.orders.rules import EventType, cancelled, expired
from server.order.orders.wire import to_order
from server.order.payments import rules as payments
from server.order.pricing.rules import PromotionEventType
from server.order.returns import rules as returns
from server.order.shipping import rules as shipping
from server.order.stock.rules import EventType as StockEventType
from server.order.stock.rules import Stock, StockEvent
from server.order.stock.wire import to_stock
from tests.server.order.samples import NOW, act, added, line, new_id, placed, product

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
    published |= {f"Payment{type_.title()}" for type_ in payments.EventType}
    published |= {"StockRanLow", "StockCameBack", "CartAbandoned", "WebhookPaused"}
    assert len(StockEventType) == 2
    published |= {f"Product{type_.title()}" for type_ in catalog.EventType}
    published |= {f"Shipment{type_.title()}" for type_ in shipping.EventType}
    published |= {f"Promotion{type_.title()}" for type_ in PromotionEventType}
    published |= {f"Return{type_.title()}" for type_ in returns.EventType}
    assert published == {*events_pb2.DESCRIPTOR.message_types_by_name}


def test_an_order_that_is_a_message_already_makes_the_same_event() -> None:
    order, event, _ = placed(line(quantity=2))
    assert to_outbox(event, to_order(order).SerializeToString()) == to_outbox(event)


@pytest.mark.parametrize("has_expired", [True, False])
def test_a_cancelled_order_says_whether_somebody_asked_for_it(has_expired: bool) -> None:
    order = placed().order
    _, event = expired(order, new_id(), NOW) if has_expired else cancelled(order, "", act())
    assert event
    told = events_pb2.OrderCancelled.FromString(to_outbox(event).payload)
    cause = events_pb2.OrderCancelled.Cause.Name(told.cause)
    assert cause == ("EXPIRED" if has_expired else "REQUESTED")


@pytest.mark.parametrize("type_", StockEventType)
def test_events_of_stock_carry_it_and_count_by_themselves(type_: StockEventType) -> None:
    stock = Stock(new_id(), on_hand=5, reserved=2, low_stock_at=3, tracked=True, events=4)
    row = stock_events.to_outbox(StockEvent(type_, stock, NOW, TRACE))
    name = {"RAN_LOW": "StockRanLow", "CAME_BACK": "StockCameBack"}[type_]
    assert row.type == f"emporium.order.v1.{name}"
    assert getattr(events_pb2, name).FromString(row.payload).stock == to_stock(stock)
    assert (row.aggregate_type, row.aggregate_id, row.aggregate_version) == (
        "stock",
        stock.product_id,
        4,
    )
    assert (row.occurred_at, row.traceparent) == (NOW, TRACE)


@pytest.mark.parametrize("type_", catalog.EventType)
def test_every_event_of_a_product_carries_it_whole(type_: catalog.EventType) -> None:
    whole = product(description="Of tin", attributes={"colour": "red"})
    event = replace(added(whole).event, type=type_, version=7, traceparent=TRACE)
    row, name = products.to_outbox(event), f"Product{type_.title()}"
    assert row.type == f"emporium.order.v1.{name}"
    assert getattr(events_pb2, name).FromString(row.payload).product == to_product(whole)
    assert (row.id, row.occurred_at, row.traceparent) == (event.id, NOW, TRACE)
    assert (row.aggregate_type, row.aggregate_id, row.aggregate_version) == ("product", whole.id, 7)
