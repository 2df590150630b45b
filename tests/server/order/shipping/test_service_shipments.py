"""Shipments through the gRPC door: what is sent, and what orders become by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1 import events_pb2
from emporium.order.v1 import shipping_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Fulfilment, Order
from server.kit.postgres import Pool
from tests.server.order.doors import (
    MISSING,
    Door,
    adjust,
    get,
    history,
    item,
    order_of,
    settings_of,
    update,
)
from tests.server.order.shipping.doing import heard, new_method, one, paid, send, shipments_of
from tests.server.order.stock.ledger import balance
from tests.server.refusals import refused

_EVENTS = """
    SELECT event_type, aggregate_version, payload FROM outbox
    WHERE aggregate_type = $1 AND aggregate_id = $2 ORDER BY aggregate_version
"""


async def told(pool: Pool, aggregate_type: str, aggregate_id: str) -> list[tuple[str, Any]]:
    found = await pool.fetch(_EVENTS, aggregate_type, aggregate_id)
    versions = [row["aggregate_version"] for row in found]
    assert versions == list(range(1, len(found) + 1))
    names = [row["event_type"].rpartition(".")[2] for row in found]
    return [
        (name, getattr(events_pb2, name).FromString(row["payload"]))
        for name, row in zip(names, found, strict=True)
    ]


async def test_an_order_follows_what_is_sent_of_it(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    order = await paid(staff, ann, (mug, 3), (mug, 1))
    assert order.fulfilment_status == Fulfilment.UNFULFILLED
    assert [(line.position, line.shipped_quantity) for line in order.items] == [(1, 0), (2, 0)]
    first = await staff("CreateShipment", send(order, (2, 1), (1, 1), tracking_number="JD 1/2"))
    assert [(each.position, each.quantity) for each in first.items] == [(1, 1), (2, 1)]
    assert (first.order_id, first.status) == (order.id, pb.Shipment.SENT)
    assert (first.tracking_number, first.item_count) == ("JD 1/2", 2)
    partly = await ann("GetOrder", get(order))
    assert (partly.status, partly.fulfilment_status) == (Order.PAID, Fulfilment.PARTIALLY_SHIPPED)
    assert [line.shipped_quantity for line in partly.items] == [1, 1]
    assert partly.etag != order.etag
    rest = await staff("CreateShipment", send(order))
    assert [(each.position, each.quantity) for each in rest.items] == [(1, 2)]
    whole = await ann("GetOrder", get(order))
    assert (whole.status, whole.fulfilment_status) == (Order.SHIPPED, Fulfilment.SHIPPED)
    assert [line.shipped_quantity for line in whole.items] == [3, 1]
    for each, status in ((first, Order.SHIPPED), (rest, Order.DELIVERED)):
        await staff("CreateTrackingEvent", heard(each, pb.Shipment.DELIVERED, location="Leeds"))
        order = await ann("GetOrder", get(order))
        assert order.status == status
    assert order.fulfilment_status == Fulfilment.DELIVERED
    moves = (await ann("ListOrderHistory", history(order))).moves
    assert [move.to_status for move in moves] == [
        *(Order.PENDING, Order.PAID, Order.SHIPPED, Order.DELIVERED)
    ]
    orders = [name for name, _ in await told(order_pool, "order", order.id)]
    assert orders == [
        *("OrderPlaced", "OrderPaid", "OrderUpdated", "OrderShipped", "OrderDelivered")
    ]
    (made, created), (ended, delivered) = await told(order_pool, "shipment", rest.id)
    assert (made, ended) == ("ShipmentCreated", "ShipmentDelivered")
    assert created.shipment == rest
    assert delivered.tracking_event.location == "Leeds"
    assert delivered.shipment.HasField("delivered_at")


async def test_a_status_alone_records_what_it_says(staff: Door, ann: Door, mug: Product) -> None:
    order = await paid(staff, ann, (mug, 2), (mug, 1))
    first = await staff("CreateShipment", send(order, (1, 1)))
    shipped = await staff("UpdateOrder", update(order, status=Order.SHIPPED))
    assert shipped.fulfilment_status == Fulfilment.SHIPPED
    one_, other = (await ann("ListShipments", shipments_of(order))).shipments
    assert one_.id == first.id
    assert [(each.position, each.quantity) for each in other.items] == [(1, 1), (2, 1)]
    arrived = await staff("UpdateOrder", update(order, status=Order.DELIVERED))
    assert arrived.fulfilment_status == Fulfilment.DELIVERED
    for each in (await ann("ListShipments", shipments_of(order))).shipments:
        assert each.status == pb.Shipment.DELIVERED
        assert each.delivered_at == arrived.updated_at


@pytest.mark.parametrize(
    ("parts", "violations"),
    [
        ([(1, 3)], {"items[0].quantity": "2 left to send of position 1"}),
        (
            [(2, 2), (1, 9)],
            {
                "items[0].quantity": "1 left to send of position 2",
                "items[1].quantity": "2 left to send of position 1",
            },
        ),
    ],
)
async def test_no_more_is_sent_than_is_left(
    staff: Door, ann: Door, mug: Product, parts: Any, violations: Any
) -> None:
    order = await paid(staff, ann, (mug, 3), (mug, 1))
    await staff("CreateShipment", send(order, (1, 1)))
    found = await refused(staff("CreateShipment", send(order, *parts)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "SHIPMENT_EXCEEDS_ORDER")
    assert found.violations == violations


@pytest.mark.parametrize(
    ("parts", "violations"),
    [
        ([(3, 1)], {"items[0].position": "the order has 2 lines"}),
        ([(2, 1), (1, 1), (2, 1)], {"items[2].position": "items[0] names it already"}),
    ],
)
async def test_only_lines_of_the_order_are_sent_each_once(
    staff: Door, ann: Door, mug: Product, parts: Any, violations: Any
) -> None:
    order = await paid(staff, ann, (mug, 3), (mug, 3))
    found = await refused(staff("CreateShipment", send(order, *parts)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert found.violations == violations


@pytest.mark.parametrize(
    "statuses", [[], [Order.CANCELLED], [Order.PAID, Order.SHIPPED], [Order.PAID, Order.REFUNDED]]
)
async def test_only_paid_orders_are_sent(
    staff: Door, ann: Door, mug: Product, statuses: Any
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    for status in statuses:
        order = await staff("UpdateOrder", update(order, status=status))
    found = await refused(staff("CreateShipment", send(order)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "ORDER_NOT_SHIPPABLE")
    assert found.message == f"the order is {Order.Status.Name(order.status)}"


async def test_a_repeat_gets_the_first_shipment(staff: Door, ann: Door, mug: Product) -> None:
    order = await paid(staff, ann, (mug, 2))
    request = send(order, (1, 1), request_id=f"first of {order.id}"[:20].replace(" ", "-"))
    first = await staff("CreateShipment", request)
    assert await staff("CreateShipment", request) == first
    assert len((await ann("ListShipments", shipments_of(order))).shipments) == 1


async def test_goods_that_are_owed_are_sent_once_they_are_there(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    await staff("UpdateStock", settings_of(mug, backorders=True))
    order = await paid(staff, ann, (mug, 2), (mug, 3))
    assert await balance(order_pool, mug.id) == (0, 2)
    await staff("CreateShipment", send(order, (2, 3)))
    assert await balance(order_pool, mug.id) == (0, 2)
    found = await refused(staff("CreateShipment", send(order, (1, 1))))
    assert (found.reason, found.violations) == ("OUT_OF_STOCK", {"items[0].quantity": "0 left"})
    await staff("AdjustStock", adjust(mug, 1))
    await staff("CreateShipment", send(order, (1, 1)))
    assert await balance(order_pool, mug.id) == (0, 1)
    assert (await refused(staff("CreateShipment", send(order)))).reason == "OUT_OF_STOCK"
    await staff("AdjustStock", adjust(mug, 5))
    await staff("CreateShipment", send(order))
    assert await balance(order_pool, mug.id) == (4, 0)


@pytest.mark.parametrize(("restock", "on_hand"), [(None, 8), (True, 10), (False, 5)])
async def test_what_was_sent_is_not_put_back_unless_that_is_said(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, restock: bool | None, on_hand: int
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    order = await paid(staff, ann, (mug, 5))
    await staff("CreateShipment", send(order, (1, 2)))
    await staff("UpdateOrder", update(order, status=Order.REFUNDED, restock=restock))
    assert await balance(order_pool, mug.id) == (on_hand, 0)


async def test_where_a_shipment_is_does_not_depend_on_what_came_first(
    staff: Door, ann: Door, mug: Product
) -> None:
    now = datetime.now(UTC)

    def at(hours: int) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(now - timedelta(hours=hours))
        return moment

    long_ago = order_of(item(mug), user_id=ann.user_id, order_date=at(10))
    order = await staff("CreateOrder", long_ago)
    shipment = await staff("CreateShipment", send(order))
    status = pb.Shipment
    for what, hours, becomes in (
        (status.OUT_FOR_DELIVERY, 3, status.OUT_FOR_DELIVERY),
        (status.IN_TRANSIT, 9, status.OUT_FOR_DELIVERY),
        (status.DELIVERY_FAILED, 2, status.DELIVERY_FAILED),
        (status.DELIVERED, 4, status.DELIVERED),
        (status.IN_TRANSIT, 1, status.DELIVERED),
    ):
        await staff("CreateTrackingEvent", heard(shipment, what, occurred_at=at(hours)))
        found = await ann("GetShipment", one(shipment))
        assert found.status == becomes
    assert [each.status for each in found.tracking_events] == [
        *(status.IN_TRANSIT, status.DELIVERED, status.OUT_FOR_DELIVERY),
        *(status.DELIVERY_FAILED, status.IN_TRANSIT),
    ]
    assert found.delivered_at == at(4)
    assert (await ann("GetOrder", get(order))).status == Order.DELIVERED


async def test_nothing_is_heard_of_a_shipment_before_its_order_was_placed(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await paid(staff, ann, (mug, 1))
    shipment = await staff("CreateShipment", send(order))
    placed = order.order_date.seconds
    before = heard(shipment, pb.Shipment.DELIVERED, occurred_at=Timestamp(seconds=placed - 1))
    refusal = await refused(staff("CreateTrackingEvent", before))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["occurred_at"])
    assert "when the order was placed" in refusal.message
    assert await ann("GetShipment", one(shipment)) == shipment
    # Carriers tell seconds, and the parcel may have left before it was recorded here.
    at_once = heard(shipment, pb.Shipment.DELIVERED, occurred_at=Timestamp(seconds=placed))
    await staff("CreateTrackingEvent", at_once)
    assert (await ann("GetOrder", get(order))).status == Order.DELIVERED


async def test_a_tracking_number_is_changed_and_cleared(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await paid(staff, ann, (mug, 1))
    shipment = await staff("CreateShipment", send(order, tracking_number="A-1"))
    change = pb.UpdateShipmentRequest(shipment_id=shipment.id, tracking_number="B-2")
    changed = await staff("UpdateShipment", change)
    assert (changed.tracking_number, changed.etag) == ("B-2", "2")
    assert await staff("UpdateShipment", change) == changed
    change.etag = shipment.etag
    assert (await refused(staff("UpdateShipment", change))).reason == "ETAG_MISMATCH"
    cleared = pb.UpdateShipmentRequest(shipment_id=shipment.id)
    assert (await refused(staff("UpdateShipment", cleared))).reason == "NOTHING_TO_UPDATE"
    cleared.update_mask.paths.append("tracking_number")
    assert (await staff("UpdateShipment", cleared)).tracking_number == ""


async def test_buyers_see_their_own_shipments_and_change_none(
    staff: Door, ann: Door, bob: Door, mug: Product
) -> None:
    order = await paid(staff, ann, (mug, 2))
    shipment = await staff("CreateShipment", send(order, (1, 1)))
    assert await ann("GetShipment", one(shipment)) == shipment
    assert (await refused(bob("GetShipment", one(shipment)))).reason == "SHIPMENT_NOT_FOUND"
    assert (await refused(bob("ListShipments", shipments_of(order)))).reason == "ORDER_NOT_FOUND"
    for name, request in (
        ("CreateShipment", send(order)),
        ("UpdateShipment", pb.UpdateShipmentRequest(shipment_id=shipment.id, tracking_number="1")),
        ("CreateTrackingEvent", heard(shipment, pb.Shipment.DELIVERED)),
    ):
        assert (await refused(ann(name, request))).code == StatusCode.PERMISSION_DENIED
    assert (await ann("GetShipment", one(shipment))) == shipment


async def test_what_is_not_there_is_said(staff: Door, ann: Door, mug: Product) -> None:
    order = await paid(staff, ann, (mug, 2))
    gone = Order(id=MISSING)
    assert (await refused(staff("CreateShipment", send(gone)))).reason == "ORDER_NOT_FOUND"
    assert (await refused(staff("ListShipments", shipments_of(gone)))).reason == "ORDER_NOT_FOUND"
    by = send(order, shipping_method_id=MISSING)
    assert (await refused(staff("CreateShipment", by))).reason == "SHIPPING_METHOD_NOT_FOUND"
    lost = heard(pb.Shipment(id=MISSING), pb.Shipment.DELIVERED)
    assert (await refused(staff("CreateTrackingEvent", lost))).reason == "SHIPMENT_NOT_FOUND"


async def test_a_shipment_says_how_it_was_sent(staff: Door, ann: Door, mug: Product) -> None:
    method, other = [await staff("CreateShippingMethod", new_method()) for _ in range(2)]
    order = await paid(staff, ann, (mug, 2), shipping_method_id=method.id)
    as_agreed = await staff("CreateShipment", send(order, (1, 1)))
    otherwise = await staff("CreateShipment", send(order, shipping_method_id=other.id))
    assert [as_agreed.shipping_method_id, otherwise.shipping_method_id] == [method.id, other.id]
