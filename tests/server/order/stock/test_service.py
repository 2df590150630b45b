"""Stock through the gRPC door: what staff see and change, and what orders do to it."""

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1 import stock_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import DeleteOrderRequest, NewOrderItem, Order
from server.kit.postgres import Pool
from tests.server.order.doors import (
    MISSING,
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


def movements_of(product: Product, **fields: Any) -> pb.ListStockMovementsRequest:
    return pb.ListStockMovementsRequest(product_id=product.id, **fields)


async def test_a_product_is_not_tracked_until_it_is_adjusted(
    staff: Door, ann: Door, mug: Product
) -> None:
    before = await staff("GetStock", stock_of(mug))
    assert before == pb.Stock(product_id=mug.id, etag="0-0")
    await ann("CreateOrder", order_of(item(mug, 1_000)))
    assert await staff("GetStock", stock_of(mug)) == before

    after = await staff("AdjustStock", adjust(mug, 5))
    assert (after.on_hand, after.reserved, after.available, after.tracked) == (5, 0, 5, True)
    assert await staff("GetStock", stock_of(mug)) == after


async def test_every_movement_is_listed_the_latest_first(
    staff: Door, ann: Door, mug: Product
) -> None:
    await staff("AdjustStock", adjust(mug, 5, note="From the old store"))
    order = await ann("CreateOrder", order_of(item(mug, 2)))
    found = await staff("ListStockMovements", movements_of(mug))
    made, received = found.stock_movements
    assert (made.kind, made.number, made.reserved_delta, made.order_id) == (
        pb.StockMovement.RESERVED,
        2,
        2,
        order.id,
    )
    assert (made.on_hand, made.reserved, made.actor_id, made.reason) == (5, 2, "", 0)
    assert (received.kind, received.number, received.on_hand_delta) == (
        pb.StockMovement.ADJUSTED,
        1,
        5,
    )
    assert (received.reason, received.note, received.actor_id, received.order_id) == (
        pb.StockMovement.RECEIVED,
        "From the old store",
        staff.user_id,
        "",
    )
    assert found.meta.total == 2
    first = await staff("ListStockMovements", movements_of(mug, per_page=1, sort="number:asc"))
    assert [each.number for each in first.stock_movements] == [1]
    token = first.meta.next_page_token
    rest = movements_of(mug, per_page=1, sort="number:asc", page_token=token)
    second = await staff("ListStockMovements", rest)
    assert [each.number for each in second.stock_movements] == [2]


async def test_an_adjustment_happens_once_under_its_key(
    staff: Door, mug: Product, order_pool: Pool
) -> None:
    request = adjust(mug, 5, request_id="delivery-7")
    answers = await asyncio.gather(*(staff("AdjustStock", request) for _ in range(8)))
    assert all(each == answers[0] for each in answers)
    assert await balance(order_pool, mug.id) == (5, 0)
    other = await refused(staff("AdjustStock", adjust(mug, 6, request_id="delivery-7")))
    assert other.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_a_repeat_is_answered_when_it_would_be_refused_by_now(
    staff: Door, mug: Product
) -> None:
    await staff("AdjustStock", adjust(mug, 5))
    taken = adjust(mug, -5, reason=pb.StockMovement.DAMAGED, request_id="all-broken")
    first = await staff("AdjustStock", taken)
    assert await staff("AdjustStock", taken) == first


async def test_more_than_is_there_and_not_reserved_cannot_be_taken(
    staff: Door, ann: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 5))
    await ann("CreateOrder", order_of(item(mug, 3)))
    found = await refused(staff("AdjustStock", adjust(mug, -3)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "STOCK_TOO_LOW")
    assert found.violations == {"delta": "2 can be taken; 5 are on hand, 3 of them reserved"}
    assert await balance(order_pool, mug.id) == (5, 3)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"delta": 0}, "delta", "must not be 0"),
        ({"reason": 0}, "reason", "must be one of"),
        ({"note": "\u202e"}, "note", "must not hold control characters"),
        ({"note": "  "}, "note", "must hold more than spaces"),
    ],
)
async def test_what_is_wrong_with_an_adjustment_is_named(
    staff: Door, mug: Product, fields: dict[str, Any], field: str, said: str
) -> None:
    found = await refused(staff("AdjustStock", adjust(mug, **{"delta": 1, **fields})))
    assert found.fields[0] == field
    assert said in found.message


@pytest.mark.parametrize("name", ["GetStock", "AdjustStock", "UpdateStock", "ListStockMovements"])
async def test_there_is_no_stock_of_no_product_and_customers_see_none(
    staff: Door, ann: Door, anyone: Door, name: str
) -> None:
    fields: dict[str, dict[str, Any]] = {
        "AdjustStock": {"delta": 1, "reason": 1},
        "UpdateStock": {"tracked": True},
    }
    kind = getattr(pb, f"{name}Request")
    request = kind(product_id=MISSING, **fields.get(name, {}))
    assert (await refused(staff(name, request))).reason == "PRODUCT_NOT_FOUND"
    assert (await refused(ann(name, request))).reason == "PERMISSION_DENIED"
    assert (await refused(anyone(name, request))).reason == "UNAUTHENTICATED"


async def test_settings_are_set_by_presence_and_cleared_by_mask(staff: Door, mug: Product) -> None:
    low = await staff("UpdateStock", settings_of(mug, low_stock_at=0))
    assert low.HasField("low_stock_at")
    assert (low.low_stock_at, low.tracked) == (0, False)
    on = await staff("UpdateStock", settings_of(mug, tracked=True, etag=low.etag))
    assert on.HasField("low_stock_at")
    stale = await refused(staff("UpdateStock", settings_of(mug, tracked=False, etag=low.etag)))
    assert stale.reason == "ETAG_MISMATCH"
    mask = FieldMask(paths=["low_stock_at"])
    cleared = await staff("UpdateStock", settings_of(mug, update_mask=mask))
    assert not cleared.HasField("low_stock_at")
    assert await staff("UpdateStock", settings_of(mug, update_mask=mask)) == cleared
    for request, reason in (
        (settings_of(mug), "NOTHING_TO_UPDATE"),
        (settings_of(mug, update_mask=FieldMask(paths=["tracked"])), "INVALID_UPDATE_MASK"),
        (settings_of(mug, update_mask=FieldMask(paths=["on_hand"])), "INVALID_UPDATE_MASK"),
    ):
        assert (await refused(staff("UpdateStock", request))).reason == reason


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
