"""Watching an order through the gRPC door."""

import grpc

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.order.doors import Door, cancel, item, order_of, update
from tests.server.refusals import refused


async def test_a_buyer_watches_what_becomes_of_an_order_to_its_end(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    watching = ann.watch(order)
    first = await watching.read()
    assert (first.order, first.token, first.is_last) == (order, order.etag, False)
    cancelled = await staff("CancelOrder", cancel(order))
    last = await watching.read()
    assert (last.order, last.token, last.is_last) == (cancelled, cancelled.etag, True)
    assert await watching.read() == grpc.aio.EOF


async def test_a_stream_is_gone_on_with_after_a_token(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    watching = ann.watch(order, after=order.etag)
    paid = await staff("UpdateOrder", update(order, status=pb.Order.PAID))
    assert (await watching.read()).order == paid
    watching.cancel()
    assert (await ann.watch(order, after="of long ago").read()).order == paid


async def test_a_foreign_order_is_not_watched(
    ann: Door, bob: Door, anyone: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    assert (await refused(bob.watch(order).read())).reason == "ORDER_NOT_FOUND"
    assert (await refused(anyone.watch(order).read())).reason == "UNAUTHENTICATED"


async def test_a_stream_ends_when_its_order_is_deleted(
    ann: Door, order_pool: Pool, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    watching = ann.watch(order)
    await watching.read()
    await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    assert (await refused(watching.read())).reason == "ORDER_NOT_FOUND"


async def test_a_caller_has_so_many_open(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    streams = [ann.watch(order) for _ in range(16)]
    for each in streams:
        await each.read()
    assert (await refused(ann.watch(order).read())).reason == "RATE_LIMITED"
    for each in streams:
        each.cancel()
