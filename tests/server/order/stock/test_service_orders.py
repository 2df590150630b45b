"""Stock through the gRPC door: what orders do to it."""

import asyncio
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1.catalog_service_pb2 import DeleteProductRequest, Product
from emporium.order.v1.order_service_pb2 import DeleteOrderRequest, NewOrderItem, Order
from server.kit.postgres import Pool
from tests.server.order.doors import (
    Door,
    adjust,
    item,
    new_product,
    order_of,
    settings_of,
    stock_of,
    update,
)
from tests.server.order.stock.ledger import balance, events, kinds
from tests.server.refusals import refused


async def test_too_little_names_each_line_and_what_is_left(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    cup = await staff("CreateProduct", new_product())
    await staff("AdjustStock", adjust(mug, 3))
    await staff("AdjustStock", adjust(cup, 9))
    found = await refused(ann("CreateOrder", order_of(item(mug, 2), item(cup, 9), item(mug, 2))))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK")
    assert found.violations == {"items[0].quantity": "3 left", "items[2].quantity": "3 left"}
    assert await balance(order_pool, cup.id) == (9, 0)


async def test_a_repeat_gets_its_order_when_that_has_the_last_piece(
    staff: Door, ann: Door, bob: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 1))
    request = order_of(item(mug), request_id="the-last-one")
    first = await ann("CreateOrder", request)
    repeats = await asyncio.gather(*(ann("CreateOrder", request) for _ in range(9)))
    assert all(each == first for each in repeats)
    assert (await refused(bob("CreateOrder", request))).reason == "OUT_OF_STOCK"
    assert await balance(order_pool, mug.id) == (1, 1)


async def test_the_life_of_an_order_moves_its_stock(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    for status, expected in (
        (None, (10, 2)),
        (Order.PAID, (8, 0)),
        (Order.SHIPPED, (8, 0)),
        (Order.DELIVERED, (8, 0)),
        (Order.REFUNDED, (8, 0)),
    ):
        if status is None:
            order = await ann("CreateOrder", order_of(item(mug, 2)))
        else:
            await staff("UpdateOrder", update(order, status=status))
        assert await balance(order_pool, mug.id) == expected


@pytest.mark.parametrize(
    ("moves", "restock", "on_hand"),
    [
        ([Order.PAID], None, 10),
        ([Order.PAID], True, 10),
        ([Order.PAID], False, 8),
        ([Order.PAID, Order.SHIPPED, Order.DELIVERED], None, 8),
        ([Order.PAID, Order.SHIPPED, Order.DELIVERED], True, 10),
    ],
)
async def test_a_refund_restocks_what_is_chosen(
    staff: Door,
    ann: Door,
    mug: Product,
    order_pool: Pool,
    moves: list[Any],
    restock: bool | None,
    on_hand: int,
) -> None:
    await staff("AdjustStock", adjust(mug, 10))
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    for status in moves:
        await staff("UpdateOrder", update(order, status=status))
    refund = update(order, status=Order.REFUNDED, restock=restock)
    await staff("UpdateOrder", refund)
    assert await balance(order_pool, mug.id) == (on_hand, 0)
    await staff("UpdateOrder", refund)
    assert await balance(order_pool, mug.id) == (on_hand, 0)


async def test_restocking_goes_with_a_refund_alone(staff: Door, ann: Door, mug: Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    for fields in ({"status": Order.PAID}, {"shipping_address": {"recipient": "Ann"}}):
        request = update(order, restock=True, **fields)
        if "shipping_address" in fields:
            request.shipping_address.street = "1 High Street"
            request.shipping_address.city = "Leeds"
            request.shipping_address.country_code = "GB"
        found = await refused(staff("UpdateOrder", request))
        assert found.violations == {"restock": "goes with the status REFUNDED"}


@pytest.mark.parametrize("way", ["cancel", "delete", "cancel and delete"])
async def test_an_order_that_ends_unpaid_releases_its_stock_once(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, way: str
) -> None:
    await staff("AdjustStock", adjust(mug, 1))
    order = await ann("CreateOrder", order_of(item(mug)))
    if "cancel" in way:
        for _ in range(2):
            await ann("UpdateOrder", update(order, status=Order.CANCELLED))
    if "delete" in way:
        await ann("DeleteOrder", DeleteOrderRequest(order_id=order.id))
    assert await balance(order_pool, mug.id) == (1, 0)
    assert await kinds(order_pool, mug.id) == ["ADJUSTED", "RESERVED", "RELEASED"]


async def test_a_historical_order_moves_no_stock(
    staff: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 1))
    then = Timestamp(seconds=1_291_191_960)
    order = await staff("CreateOrder", order_of(item(mug, 50), order_date=then))
    for status in (Order.PAID, Order.REFUNDED):
        await staff("UpdateOrder", update(order, status=status))
    assert await kinds(order_pool, mug.id) == ["ADJUSTED"]


async def test_what_was_ordered_before_it_was_tracked_stays_outside(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    await staff("AdjustStock", adjust(mug, 1))
    await staff("UpdateOrder", update(order, status=Order.PAID))
    assert await balance(order_pool, mug.id) == (1, 0)


async def test_what_is_reserved_stays_so_when_tracking_ends(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    await staff("UpdateStock", settings_of(mug, tracked=False))
    await ann("CreateOrder", order_of(item(mug, 99)))
    assert await balance(order_pool, mug.id) == (3, 2)
    await staff("UpdateOrder", update(order, status=Order.PAID))
    assert await balance(order_pool, mug.id) == (1, 0)


async def test_a_backorder_is_sent_when_the_goods_have_come(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 2))
    await staff("UpdateStock", settings_of(mug, backorders=True))
    order = await ann("CreateOrder", order_of(item(mug, 5)))
    assert (await staff("GetStock", stock_of(mug))).available == -3
    ending = await refused(staff("UpdateStock", settings_of(mug, backorders=False)))
    assert ending.reason == "STOCK_IS_OWED"
    await staff("UpdateOrder", update(order, status=Order.PAID))
    assert await balance(order_pool, mug.id) == (0, 3)
    early = await refused(staff("UpdateOrder", update(order, status=Order.SHIPPED)))
    assert (early.reason, early.violations) == ("OUT_OF_STOCK", {"items[0].quantity": "0 left"})
    await staff("AdjustStock", adjust(mug, 4))
    await staff("UpdateOrder", update(order, status=Order.SHIPPED))
    assert await balance(order_pool, mug.id) == (1, 0)


async def test_events_are_told_once_a_crossing(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 5))
    await staff("UpdateStock", settings_of(mug, low_stock_at=2))
    orders = [await ann("CreateOrder", order_of(item(mug))) for _ in range(5)]
    assert await events(order_pool, mug.id) == ["StockRanLow"]
    for order in orders:
        await ann("UpdateOrder", update(order, status=Order.CANCELLED))
    assert await events(order_pool, mug.id) == ["StockRanLow", "StockCameBack"]
    await ann("CreateOrder", order_of(item(mug, 4)))
    assert await events(order_pool, mug.id) == ["StockRanLow", "StockCameBack", "StockRanLow"]


async def test_lines_of_no_product_need_no_stock(staff: Door) -> None:
    line = NewOrderItem(product_name="Lantern", unit_price="3.40", quantity=6)
    order = await staff("CreateOrder", order_of(line))
    await staff("UpdateOrder", update(order, status=Order.PAID))


@pytest.mark.parametrize("status", [Order.PAID, Order.CANCELLED])
async def test_an_order_goes_on_when_a_product_of_it_is_deleted(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, status: Order.Status.ValueType
) -> None:
    cup = await staff("CreateProduct", new_product())
    for product in (mug, cup):
        await staff("AdjustStock", adjust(product, 3))
    made = await ann("CreateOrder", order_of(item(mug, 2), item(cup, 1)))
    await staff("DeleteProduct", DeleteProductRequest(product_id=mug.id))
    assert (await staff("UpdateOrder", update(made, status=status))).status == status
    assert await balance(order_pool, cup.id) == ((2, 0) if status == Order.PAID else (3, 0))
    if status == Order.PAID:
        sent = await staff("UpdateOrder", update(made, status=Order.SHIPPED))
        assert sent.status == Order.SHIPPED
