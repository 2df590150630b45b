"""Orders through the gRPC door: whose they are, who placed them, changes, deletes."""

from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import events_pb2
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.postgres import Pool
from server.order.neighbours import Buyer
from tests.server.conftest import Token
from tests.server.order.conftest import FakeUsers
from tests.server.order.doors import (
    HOME,
    MISSING,
    Door,
    get,
    item,
    order_of,
    update,
)
from tests.server.refusals import refused


async def test_a_foreign_order_and_a_missing_one_get_the_same_answer(
    ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    for name, request in (
        ("GetOrder", pb.GetOrderRequest),
        ("GetOrderUser", pb.GetOrderUserRequest),
        ("DeleteOrder", pb.DeleteOrderRequest),
        (
            "UpdateOrder",
            lambda order_id: pb.UpdateOrderRequest(order_id=order_id, status=pb.Order.CANCELLED),
        ),
    ):
        foreign = await refused(bob(name, request(order_id=order.id)))
        missing = await refused(bob(name, request(order_id=MISSING)))
        assert foreign.code is missing.code is StatusCode.NOT_FOUND
        assert foreign.reason == missing.reason == "ORDER_NOT_FOUND"
        assert foreign.message.replace(order.id, MISSING) == missing.message
    assert await ann("GetOrder", get(order)) == order


async def test_a_service_reaches_nobodys_orders(
    order_channel: grpc.aio.Channel, token: Token, ann: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    service = Door(order_channel, token("SERVICE"))
    for name, request in (
        ("GetOrder", get(order)),
        ("ListOrders", pb.ListOrdersRequest()),
        ("ListUserOrders", pb.ListUserOrdersRequest(user_id=ann.user_id)),
        ("GetOrderUser", pb.GetOrderUserRequest(order_id=order.id)),
        ("UpdateOrder", update(order, status=pb.Order.CANCELLED)),
        ("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id)),
    ):
        assert (await refused(service(name, request))).reason == "PERMISSION_DENIED"
    assert await ann("GetOrder", get(order)) == order


async def test_nobody_gets_in_without_a_token(anyone: Door) -> None:
    found = await refused(anyone("ListOrders", pb.ListOrdersRequest()))
    assert (found.code, found.reason) == (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_who_placed_an_order_is_asked_of_the_user_service(
    ann: Door, users: FakeUsers, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    request = pb.GetOrderUserRequest(order_id=order.id)
    gone = await refused(ann("GetOrderUser", request))
    assert (gone.code, gone.reason) == (StatusCode.NOT_FOUND, "USER_NOT_FOUND")

    users.buyers[ann.user_id] = Buyer(ann.user_id, "ann@example.com", "Ann Example")
    buyer = await ann("GetOrderUser", request)
    assert (buyer.id, buyer.email, buyer.full_name) == (
        ann.user_id,
        "ann@example.com",
        "Ann Example",
    )

    users.is_away = True
    away = await refused(ann("GetOrderUser", request))
    assert (away.code, away.reason) == (StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert away.retry_after_seconds == 1


async def test_an_order_goes_its_way(ann: Door, staff: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    order = await ann("UpdateOrder", update(order, shipping_address=HOME))
    assert (order.shipping_address, order.etag) == (HOME, "2")
    for status in (pb.Order.PAID, pb.Order.SHIPPED, pb.Order.DELIVERED, pb.Order.REFUNDED):
        order = await staff("UpdateOrder", update(order, status=status, etag=order.etag))
        assert order.status == status
    assert await ann("GetOrder", get(order)) == order


async def test_customers_may_cancel_and_do_no_more(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    forbidden = await refused(ann("UpdateOrder", update(order, status=pb.Order.PAID)))
    assert (forbidden.code, forbidden.reason) == (StatusCode.PERMISSION_DENIED, "STAFF_ONLY_FIELD")
    assert await ann("UpdateOrder", update(order, status=pb.Order.PENDING)) == order
    cancelled = await ann("UpdateOrder", update(order, status=pb.Order.CANCELLED))
    assert cancelled.status == pb.Order.CANCELLED

    late = await refused(staff("UpdateOrder", update(order, status=pb.Order.PAID)))
    assert (late.code, late.reason) == (StatusCode.FAILED_PRECONDITION, "ILLEGAL_STATUS_MOVE")
    moved = await refused(ann("UpdateOrder", update(order, shipping_address=HOME)))
    assert moved.reason == "ORDER_NOT_PENDING"


async def test_the_address_is_cleared_by_the_mask(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug), shipping_address=HOME))
    mask = FieldMask(paths=["shipping_address"])
    cleared = await ann("UpdateOrder", update(order, update_mask=mask))
    assert not cleared.HasField("shipping_address")
    unclearable = update(order, update_mask=FieldMask(paths=["status"]))
    assert (await refused(ann("UpdateOrder", unclearable))).reason == "INVALID_UPDATE_MASK"
    assert (await refused(ann("UpdateOrder", update(order)))).reason == "NOTHING_TO_UPDATE"
    alone = await refused(ann("UpdateOrder", update(order, restock=True)))
    assert (alone.reason, alone.fields) == ("VALIDATION_FAILED", ["restock"])


async def test_a_stale_etag_is_refused(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("UpdateOrder", update(order, shipping_address=HOME), ("if-match", '"1"'))
    stale = await refused(
        ann("UpdateOrder", update(order, status=pb.Order.CANCELLED), ("if-match", '"1"'))
    )
    assert (stale.code, stale.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    delete = pb.DeleteOrderRequest(order_id=order.id, etag="1")
    assert (await refused(ann("DeleteOrder", delete))).reason == "ETAG_MISMATCH"


async def test_only_an_order_that_came_to_nothing_is_deleted(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    assert (await refused(ann("GetOrder", get(order)))).reason == "ORDER_NOT_FOUND"

    paid = await ann("CreateOrder", order_of(item(mug)))
    await staff("UpdateOrder", update(paid, status=pb.Order.PAID))
    kept = await refused(ann("DeleteOrder", pb.DeleteOrderRequest(order_id=paid.id)))
    assert (kept.code, kept.reason) == (StatusCode.FAILED_PRECONDITION, "ORDER_NOT_DELETABLE")


async def test_every_change_leaves_one_event_with_the_whole_order_and_the_trace_of_its_call(
    staff: Door, mug: catalog_pb.Product, order_pool: Pool
) -> None:
    def trace(number: int) -> str:
        return f"00-{number:032x}-{number:016x}-01"

    def traced(number: int) -> tuple[str, str]:
        return ("traceparent", trace(number))

    placed = await staff("CreateOrder", order_of(item(mug)), traced(1))
    changes: list[dict[str, Any]] = [
        {"shipping_address": HOME},
        {"status": pb.Order.PAID},
        {"status": pb.Order.SHIPPED},
        {"status": pb.Order.DELIVERED},
        {"status": pb.Order.DELIVERED},  # no move, so nothing to tell
        {"status": pb.Order.REFUNDED},
    ]
    states = [placed]
    for number, change in enumerate(changes, 2):
        states.append(await staff("UpdateOrder", update(placed, **change), traced(number)))
    del states[5]

    rows = await order_pool.fetch(
        "SELECT event_type, aggregate_version, payload, traceparent FROM outbox"
        " WHERE aggregate_id = $1 ORDER BY position",
        placed.id,
    )
    names = ("Placed", "Updated", "Paid", "Shipped", "Delivered", "Refunded")
    assert [row["event_type"] for row in rows] == [f"emporium.order.v1.Order{n}" for n in names]
    assert [row["aggregate_version"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["traceparent"] for row in rows] == [trace(n) for n in (1, 2, 3, 4, 5, 7)]
    for name, row, state in zip(names, rows, states, strict=True):
        assert getattr(events_pb2, f"Order{name}").FromString(row["payload"]).order == state


async def test_a_deleted_order_is_told_as_it_was_last(
    ann: Door, mug: catalog_pb.Product, order_pool: Pool
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    row = await order_pool.fetchrow(
        "SELECT payload FROM outbox WHERE aggregate_id = $1 AND aggregate_version = 2", order.id
    )
    assert row is not None
    assert events_pb2.OrderDeleted.FromString(row["payload"]).order == order
