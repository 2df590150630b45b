"""Stock through the gRPC door: what staff see and change."""

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode

from emporium.order.v1 import stock_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import DeleteProductRequest, Product
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
)
from tests.server.order.stock.ledger import balance
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


async def test_what_is_not_sold_yet_has_stock_all_the_same(staff: Door) -> None:
    draft = await staff("CreateProduct", new_product(status=Product.DRAFT))
    assert not (await staff("GetStock", stock_of(draft))).tracked
    assert not (await staff("ListStockMovements", movements_of(draft))).stock_movements
    assert (await staff("AdjustStock", adjust(draft, 5))).on_hand == 5


async def test_of_a_deleted_product_nothing_is_told(staff: Door, mug: Product) -> None:
    await staff("AdjustStock", adjust(mug, 5))
    await staff("DeleteProduct", DeleteProductRequest(product_id=mug.id))
    for name, request in (
        ("GetStock", stock_of(mug)),
        ("ListStockMovements", movements_of(mug)),
        ("AdjustStock", adjust(mug, 1)),
    ):
        assert (await refused(staff(name, request))).reason == "PRODUCT_NOT_FOUND"


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
