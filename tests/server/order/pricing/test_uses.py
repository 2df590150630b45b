"""Uses of promotions through the gRPC door: taken with orders, and given back."""

import asyncio
import uuid
from typing import Any

import pytest

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.postgres import Pool
from server.order.jobs.expiring import expire_orders
from server.order.orders.store.orders import PostgresOrderStore
from server.order.pricing.store.terms import PostgresTerms
from tests.server.order.doors import Door, adjust, cancel, get, item, order_of, update
from tests.server.order.pricing.test_service_promotions import (
    changing,
    codes_refused,
    made,
    reading,
)
from tests.server.refusals import refused


async def test_a_promotion_is_used_so_often(
    staff: Door, ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    twice = await made(staff, uses_max=2)
    request = order_of(item(mug), promotion_codes=[twice.code], request_id=uuid.uuid4().hex)
    first = await ann("CreateOrder", request)
    await bob("CreateOrder", order_of(item(mug), promotion_codes=[twice.code]))
    refusal = await codes_refused(bob, [item(mug)], [twice.code])
    assert (refusal.reason, refusal.fields) == ("PROMOTION_USED_UP", ["promotion_codes[0]"])
    # A repeat is the same order, and uses it no second time.
    assert await ann("CreateOrder", request) == first
    assert (await staff("GetPromotion", reading(twice))).uses == 2
    fewer = await refused(staff("UpdatePromotion", changing(twice, uses_max=1)))
    assert (fewer.reason, fewer.fields) == ("VALIDATION_FAILED", ["uses_max"])
    used = await refused(staff("DeletePromotion", pb.DeletePromotionRequest(promotion_id=twice.id)))
    assert used.reason == "PROMOTION_IN_USE"


async def test_a_person_uses_it_so_often(
    staff: Door, ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    once = await made(staff, uses_max_per_person=1)
    await ann("CreateOrder", order_of(item(mug), promotion_codes=[once.code]))
    refusal = await codes_refused(ann, [item(mug)], [once.code])
    assert refusal.reason == "PROMOTION_USED_BY_PERSON"
    # Also when staff order for them; others have theirs.
    refusal = await codes_refused(staff, [item(mug)], [once.code], user_id=ann.user_id)
    assert refusal.reason == "PROMOTION_USED_BY_PERSON"
    await bob("CreateOrder", order_of(item(mug), promotion_codes=[once.code]))


async def test_a_code_that_takes_nothing_off_is_said_to_and_not_used_up(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    whole = await made(staff, percentage="100")
    five = await made(staff, amount="5", uses_max=1)
    codes = [five.code, whole.code]
    quote = await ann(
        "QuoteOrder", order_pb.QuoteOrderRequest(items=[item(mug)], promotion_codes=codes)
    )
    assert [step.amount for step in quote.steps] == ["2.55", "-2.55"]
    assert [each.code for each in quote.unused_codes] == [five.code]
    assert "nothing is left" in quote.unused_codes[0].reason
    for _ in range(2):
        order = await ann("CreateOrder", order_of(item(mug), promotion_codes=codes))
        assert [*order.promotion_codes] == [whole.code]
    assert (await staff("GetPromotion", reading(five))).uses == 0
    alone = await ann("CreateOrder", order_of(item(mug, 3), promotion_codes=[five.code]))
    assert (alone.discount, [*alone.promotion_codes]) == ("5.00", [five.code])
    assert (await staff("GetPromotion", reading(five))).uses == 1


async def test_who_ask_at_once_hear_of_their_own_uses(
    staff: Door, ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    """They share what is read of promotions."""
    once = await made(staff, uses_max_per_person=1)
    await ann("CreateOrder", order_of(item(mug), promotion_codes=[once.code]))
    request = order_pb.QuoteOrderRequest(items=[item(mug)], promotion_codes=[once.code])
    outcomes = await asyncio.gather(
        *(door("QuoteOrder", request) for door in (ann, bob) * 10), return_exceptions=True
    )
    assert [isinstance(each, Exception) for each in outcomes] == [True, False] * 10


@pytest.mark.parametrize("end", ["cancel", "update", "delete"])
async def test_an_order_that_ends_unpaid_gives_its_uses_back(
    staff: Door, ann: Door, mug: catalog_pb.Product, end: str, order_pool: Pool
) -> None:
    once = await made(staff, uses_max=1, uses_max_per_person=1)
    request = order_of(item(mug), promotion_codes=[once.code])
    order = await ann("CreateOrder", request)
    if end == "cancel":
        await ann("CancelOrder", cancel(order))
    elif end == "update":
        await ann("UpdateOrder", update(order, status=order_pb.Order.CANCELLED))
    else:
        await ann("DeleteOrder", order_pb.DeleteOrderRequest(order_id=order.id))
    assert (await staff("GetPromotion", reading(once))).uses == 0
    paid = await ann("CreateOrder", request)
    await staff("UpdateOrder", update(paid, status=order_pb.Order.PAID))
    await staff("UpdateOrder", update(paid, status=order_pb.Order.REFUNDED))
    assert (await staff("GetPromotion", reading(once))).uses == 1
    if end != "delete":  # a cancelled order has nothing to give back any more
        await ann("DeleteOrder", order_pb.DeleteOrderRequest(order_id=order.id))
        assert (await staff("GetPromotion", reading(once))).uses == 1


async def test_an_order_that_finds_no_stock_uses_nothing(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    await staff("AdjustStock", adjust(mug, 1))
    once = await made(staff, uses_max=1)
    request = order_of(item(mug, 2), promotion_codes=[once.code])
    assert (await refused(ann("CreateOrder", request))).reason == "OUT_OF_STOCK"
    assert (await staff("GetPromotion", reading(once))).uses == 0
    await ann("CreateOrder", order_of(item(mug), promotion_codes=[once.code]))


async def test_an_order_that_expires_gives_its_uses_back(
    staff: Door,
    ann: Door,
    mug: catalog_pb.Product,
    order_pool: Pool,
    orders: PostgresOrderStore,
) -> None:
    once = await made(staff, uses_max=1)
    order = await ann("CreateOrder", order_of(item(mug), promotion_codes=[once.code]))
    await order_pool.execute("UPDATE orders SET expires_at = now() WHERE id = $1", order.id)
    await expire_orders(orders)
    assert (await ann("GetOrder", get(order))).status == order_pb.Order.CANCELLED
    assert (await staff("GetPromotion", reading(once))).uses == 0


async def test_an_order_is_priced_by_what_the_promotion_is_when_it_is_placed(
    staff: Door, ann: Door, mug: catalog_pb.Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await made(staff, percentage="10")
    read, changes = PostgresTerms.read, [changing(code, percentage="20")]

    async def slow(self: PostgresTerms, *asked: Any, **fields: Any) -> Any:
        found = await read(self, *asked, **fields)
        if changes:
            await staff("UpdatePromotion", changes.pop())
        return found

    monkeypatch.setattr(PostgresTerms, "read", slow)
    order = await ann("CreateOrder", order_of(item(mug, 2), promotion_codes=[code.code]))
    assert (order.subtotal, order.discount) == ("5.10", "1.02")


async def test_who_finds_no_stock_takes_no_use_from_who_comes_with_them(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    await staff("AdjustStock", adjust(mug, 5))
    once, other = await made(staff, uses_max=1), await made(staff)
    requests = [
        order_of(item(mug, count), promotion_codes=[code.code])
        for count, code in ((1, other), (9, once), (9, once), (1, once))
    ]
    calls = [ann("CreateOrder", each) for each in requests]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(end, order_pb.Order) for end in ends] == [True, False, False, True]
    for each in (requests[1], requests[2]):
        assert (await refused(ann("CreateOrder", each))).reason == "PROMOTION_USED_UP"
