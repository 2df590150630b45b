"""Placing orders through the gRPC door: prices, what is for staff, broken rules, keys."""

import asyncio
import uuid
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from emporium.type.v1.address_pb2 import Address
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.order.doors import (
    HOME,
    MISSING,
    Door,
    get,
    item,
    new_product,
    order_of,
    update,
)
from tests.server.refusals import refused


async def test_a_customer_places_an_order_at_the_shops_prices(
    ann: Door, mug: catalog_pb.Product
) -> None:
    before = datetime.now(UTC)
    order = await ann("CreateOrder", order_of(item(mug, 3), shipping_address=HOME))
    assert (order.user_id, order.status) == (ann.user_id, pb.Order.PENDING)
    assert (order.subtotal, order.total_price, order.currency) == ("7.65", "7.65", "GBP")
    assert (order.discount, order.shipping_price, order.tax) == ("0.00", "0.00", "0.00")
    assert order.shipping_address == HOME
    assert before <= order.order_date.ToDatetime(UTC) <= datetime.now(UTC)
    [line] = order.items
    assert (line.product_id, line.product_name, line.line_total) == (mug.id, mug.name, "7.65")
    assert await ann("GetOrder", get(order)) == order


async def test_staff_place_a_historical_order_for_somebody(staff: Door, ann: Door) -> None:
    then = Timestamp(seconds=1_291_191_960, nanos=123_456_789)
    line = pb.NewOrderItem(product_name="Lantern", unit_price="3.4", quantity=6)
    request = order_of(line, user_id=ann.user_id.upper(), order_date=then, currency="EUR")
    order = await staff("CreateOrder", request)
    assert (order.user_id, order.currency, order.total_price) == (ann.user_id, "EUR", "20.40")
    assert (order.order_date.seconds, order.order_date.nanos) == (then.seconds, 123_456_000)
    assert await ann("GetOrder", get(order)) == order


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"unit_price": "0.01"}, "PRICE_NOT_ALLOWED", "items[0].unit_price"),
        ({"product_name": "Mine"}, "STAFF_ONLY_FIELD", "items[0].product_name"),
    ],
)
async def test_a_customer_cannot_change_a_line(
    ann: Door, mug: catalog_pb.Product, fields: dict[str, str], reason: str, field: str
) -> None:
    found = await refused(ann("CreateOrder", order_of(item(mug, 1, **fields))))
    assert (found.code, found.reason) == (StatusCode.PERMISSION_DENIED, reason)
    assert found.fields == [field]


@pytest.mark.parametrize("field", ["user_id", "order_date"])
async def test_a_customer_cannot_order_for_others_or_in_the_past(
    ann: Door, mug: catalog_pb.Product, field: str
) -> None:
    value = {"user_id": MISSING, "order_date": Timestamp(seconds=1)}[field]
    found = await refused(ann("CreateOrder", order_of(item(mug), **{field: value})))
    assert (found.reason, found.fields) == ("STAFF_ONLY_FIELD", [field])


async def test_a_service_places_no_orders(
    order_channel: grpc.aio.Channel, token: Token, mug: catalog_pb.Product
) -> None:
    service = Door(order_channel, token("SERVICE"))
    found = await refused(service("CreateOrder", order_of(item(mug))))
    assert found.reason == "PERMISSION_DENIED"


async def test_missing_products_and_mixed_currencies_are_named(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    gone = pb.NewOrderItem(product_id=MISSING, quantity=1)
    missing = await refused(ann("CreateOrder", order_of(item(mug), gone)))
    assert (missing.code, missing.reason) == (StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    assert missing.fields == ["items[1].product_id"]

    coin = await staff("CreateProduct", new_product(currency="EUR"))
    mixed = await refused(ann("CreateOrder", order_of(item(mug), item(coin))))
    assert (mixed.code, mixed.reason) == (StatusCode.INVALID_ARGUMENT, "CURRENCY_MISMATCH")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (order_of(), "items"),
        (order_of(pb.NewOrderItem(product_id="mug", quantity=1)), "items[0].product_id"),
        (order_of(pb.NewOrderItem(product_id=MISSING)), "items[0].quantity"),
        (order_of(pb.NewOrderItem(product_id=MISSING, quantity=-1)), "items[0].quantity"),
        (order_of(pb.NewOrderItem(product_id=MISSING, quantity=1), currency="gbp"), "currency"),
        (
            order_of(
                pb.NewOrderItem(product_id=MISSING, quantity=1),
                shipping_address=Address(recipient="Ann"),
            ),
            "shipping_address.street",
        ),
        (
            order_of(
                pb.NewOrderItem(product_id=MISSING, quantity=1),
                shipping_address=Address(
                    recipient="Ann", street="1 High\rStreet", city="Leeds", country_code="GB"
                ),
            ),
            "shipping_address.street",
        ),
        (
            order_of(
                pb.NewOrderItem(product_name="A", unit_price="1.234", quantity=1),
            ),
            "items[0].unit_price",
        ),
        (
            order_of(
                pb.NewOrderItem(product_name="\u2003\u200b", unit_price="1.25", quantity=1),
            ),
            "items[0].product_name",
        ),
        (
            order_of(
                pb.NewOrderItem(product_id=MISSING, quantity=1),
                order_date=Timestamp(seconds=99_999_999_999),
            ),
            "order_date",
        ),
    ],
)
async def test_a_broken_rule_is_named(
    staff: Door, request_: pb.CreateOrderRequest, field: str
) -> None:
    found = await refused(staff("CreateOrder", request_))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert field in found.fields


async def test_a_date_that_no_calendar_has_is_refused(staff: Door) -> None:
    line = pb.NewOrderItem(product_name="A", unit_price="1", quantity=1)
    early = order_of(line, order_date=Timestamp(seconds=-99_999_999_999))
    found = await refused(staff("CreateOrder", early))
    assert (found.code, found.fields) == (StatusCode.INVALID_ARGUMENT, ["order_date"])


async def test_a_total_beyond_what_can_be_kept_is_refused(staff: Door) -> None:
    line = pb.NewOrderItem(product_name="Yacht", unit_price="999999999.99", quantity=100_000)
    assert (await refused(staff("CreateOrder", order_of(line, line)))).reason == "ORDER_TOO_LARGE"


async def test_a_repeat_gets_the_first_answer_whatever_happened_since(
    ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    request = order_of(item(mug), request_id=uuid.uuid4().hex)
    first = await ann("CreateOrder", request)
    cancelled = update(first, status=pb.Order.CANCELLED)
    await ann("UpdateOrder", cancelled)
    assert await ann("CreateOrder", request) == first
    assert (await bob("CreateOrder", request)).id != first.id  # keys are kept per caller

    request.items[0].quantity = 2
    reused = await refused(ann("CreateOrder", request))
    assert (reused.code, reused.reason) == (StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")


async def test_a_repeat_gets_the_first_answer_although_it_would_be_refused_by_now(
    ann: Door, mug: catalog_pb.Product, order_pool: Pool
) -> None:
    request = order_of(item(mug), request_id=uuid.uuid4().hex)
    first = await ann("CreateOrder", request)
    await order_pool.fetch("DELETE FROM products WHERE id = $1::uuid", mug.id)
    assert await ann("CreateOrder", request) == first

    request.items[0].quantity = 2
    assert (await refused(ann("CreateOrder", request))).reason == "IDEMPOTENCY_KEY_REUSED"
    request.request_id = uuid.uuid4().hex
    assert (await refused(ann("CreateOrder", request))).reason == "PRODUCT_NOT_FOUND"


async def test_the_key_may_come_as_a_header(ann: Door, mug: catalog_pb.Product) -> None:
    header = ("idempotency-key", uuid.uuid4().hex)
    first = await ann("CreateOrder", order_of(item(mug)), header)
    assert await ann("CreateOrder", order_of(item(mug)), header) == first


async def test_ten_at_once_with_one_key_place_one_order(ann: Door, mug: catalog_pb.Product) -> None:
    request = order_of(item(mug), request_id=uuid.uuid4().hex)
    answers = await asyncio.gather(*(ann("CreateOrder", request) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert (await ann("ListOrders", pb.ListOrdersRequest())).meta.total == 1
