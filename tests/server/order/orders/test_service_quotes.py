"""Quotes through the gRPC door: what an order would cost, by the rules that price it."""

from typing import Any

import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.order.doors import HOME, MISSING, Door, item, new_product, order_of
from tests.server.refusals import refused

PARTS = ("currency", "subtotal", "discount", "shipping_price", "tax", "total_price")


def quote_of(*items: pb.NewOrderItem, **fields: Any) -> pb.QuoteOrderRequest:
    return pb.QuoteOrderRequest(items=items, **fields)


async def test_an_order_costs_what_was_quoted(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    cup = await staff("CreateProduct", new_product(unit_price="10", name="Cup"))
    lines = (item(mug, 3), item(cup), item(mug))
    quote = await ann("QuoteOrder", quote_of(*lines, shipping_address=HOME))
    order = await ann("CreateOrder", order_of(*lines, shipping_address=HOME))
    assert [getattr(quote, part) for part in PARTS] == [getattr(order, part) for part in PARTS]
    assert quote.lines == order.items
    assert (quote.total_price, quote.subtotal, quote.tax) == ("20.20", "20.20", "0.00")
    [step] = quote.steps
    assert (step.kind, step.label, step.amount) == (pb.PriceStep.LINES, "3 lines", "20.20")


async def test_a_quote_has_the_decimals_of_its_currency(staff: Door, ann: Door) -> None:
    product = await staff("CreateProduct", new_product(unit_price="125", currency="JPY"))
    quote = await ann("QuoteOrder", quote_of(item(product, 3)))
    assert (quote.currency, quote.total_price, quote.discount) == ("JPY", "375", "0")
    line = pb.NewOrderItem(product_name="Cup", unit_price="1.25", quantity=3)
    quote = await staff("QuoteOrder", quote_of(line, currency="KWD"))
    assert (quote.total_price, quote.steps[0].amount) == ("3.750", "3.750")


async def test_a_quote_places_nothing(ann: Door, mug: catalog_pb.Product, order_pool: Pool) -> None:
    await ann("QuoteOrder", quote_of(item(mug)))
    assert not await order_pool.fetchval(
        "SELECT count(*) FROM orders WHERE user_id = $1", ann.user_id
    )


@pytest.mark.parametrize(
    ("items", "fields", "reason"),
    [
        ([{"product_id": MISSING, "quantity": 1}], {}, "PRODUCT_NOT_FOUND"),
        ([{"product_name": "Cup", "unit_price": "1", "quantity": 1}], {}, "PRICE_NOT_ALLOWED"),
        ([{"product_id": MISSING, "quantity": 1}], {"user_id": MISSING}, "STAFF_ONLY_FIELD"),
        ([{"product_id": MISSING, "quantity": 1}], {"currency": "XTS"}, "VALIDATION_FAILED"),
        ([{"product_id": MISSING, "quantity": 0}], {}, "VALIDATION_FAILED"),
        ([], {}, "VALIDATION_FAILED"),
    ],
)
async def test_what_cannot_be_ordered_cannot_be_quoted(
    ann: Door, items: list[dict[str, Any]], fields: dict[str, Any], reason: str
) -> None:
    lines = [pb.NewOrderItem(**each) for each in items]
    quoted = await refused(ann("QuoteOrder", quote_of(*lines, **fields)))
    ordered = await refused(ann("CreateOrder", order_of(*lines, **fields)))
    assert (quoted.reason, quoted.fields, quoted.message) == (
        reason,
        ordered.fields,
        ordered.message,
    )


@pytest.mark.parametrize("status", ["DRAFT", "ARCHIVED"])
async def test_what_is_not_sold_cannot_be_quoted(staff: Door, ann: Door, status: str) -> None:
    product = await staff("CreateProduct", new_product(status=status))
    for door, reason in ((ann, "PRODUCT_NOT_FOUND"), (staff, "PRODUCT_NOT_ACTIVE")):
        quoted = await refused(door("QuoteOrder", quote_of(item(product))))
        ordered = await refused(door("CreateOrder", order_of(item(product))))
        assert (quoted.reason, quoted.fields) == (reason, ["items[0].product_id"])
        assert (quoted.fields, quoted.message) == (ordered.fields, ordered.message)


async def test_nobody_else_gets_a_quote(
    anyone: Door, token: Token, mug: catalog_pb.Product
) -> None:
    request = quote_of(item(mug))
    assert (await refused(anyone("QuoteOrder", request))).code is StatusCode.UNAUTHENTICATED
    service = Door(anyone.channel, token("SERVICE", "user"))
    assert (await refused(service("QuoteOrder", request))).reason == "PERMISSION_DENIED"
