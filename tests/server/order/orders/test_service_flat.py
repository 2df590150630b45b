"""Orders of one line that are sent flat, through the gRPC door."""

from typing import Any

import pytest

from emporium.order.v1 import order_service_pb2 as pb
from tests.server.order.doors import MISSING, Door, get
from tests.server.refusals import refused

FLAT: dict[str, Any] = {"product_name": "Old lamp", "quantity": 3, "total_price": "7.50"}
BOTH = ("CreateOrder", "QuoteOrder")


def request_of(name: str, **fields: Any) -> Any:
    return getattr(pb, f"{name}Request")(**fields)


async def test_a_flat_order_is_one_of_one_line(staff: Door, ann: Door) -> None:
    order = await staff("CreateOrder", pb.CreateOrderRequest(user_id=ann.user_id, **FLAT))
    [line] = order.items
    assert (line.product_id, line.product_name, line.quantity) == ("", "Old lamp", 3)
    assert (line.unit_price, line.line_total, order.total_price) == ("2.50", "7.50", "7.50")
    assert (order.user_id, await ann("GetOrder", get(order))) == (ann.user_id, order)
    quote = await staff("QuoteOrder", pb.QuoteOrderRequest(**FLAT))
    assert (quote.lines, quote.total_price) == (order.items, "7.50")


async def test_a_flat_order_is_the_same_again_under_its_key(staff: Door) -> None:
    new = pb.CreateOrderRequest(**FLAT, request_id="flat-1")
    assert await staff("CreateOrder", new) == await staff("CreateOrder", new)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("fields", "named", "said"),
    [
        ({}, ["items", "total_price"], "one of items, total_price must be set"),
        ({"total_price": "7.50"}, ["product_name", "quantity"], "goes with"),
        ({"product_name": "Lamp", "quantity": 1}, [*FLAT, "items"], "must be set"),
        ({**FLAT, "quantity": 0}, ["quantity"], "must be greater than or equal to 1"),
        ({**FLAT, "product_name": " "}, ["product_name"], "must hold more than spaces"),
        ({**FLAT, "total_price": "-1"}, ["total_price"], "must be 0 to"),
        ({**FLAT, "total_price": "10.00"}, ["total_price"], "is not 3 times a price in GBP"),
        ({**FLAT, "total_price": "7.500"}, ["total_price"], "may have 2 decimals at most in GBP"),
        ({**FLAT, "currency": "JPY", "total_price": "10"}, ["total_price"], "price in JPY"),
        ({**FLAT, "total_price": "9" * 12 + ".99"}, ["total_price"], "which one may cost"),
    ],
)
async def test_what_is_wrong_with_a_flat_order_is_named(
    staff: Door, name: str, fields: dict[str, Any], named: list[str], said: str
) -> None:
    found = await refused(staff(name, request_of(name, **fields)))
    assert (found.reason, set(found.fields)) == ("VALIDATION_FAILED", set(named))
    assert said in str(found.violations)


@pytest.mark.parametrize("name", BOTH)
async def test_lines_and_a_flat_order_exclude_each_other(staff: Door, name: str) -> None:
    line = pb.NewOrderItem(product_id=MISSING, quantity=1)
    found = await refused(staff(name, request_of(name, items=[line], **FLAT)))
    said = "only one of items, total_price can be set"
    assert found.violations == {"items": said, "total_price": said}


@pytest.mark.parametrize("name", BOTH)
async def test_only_staff_send_flat_orders(ann: Door, name: str) -> None:
    found = await refused(ann(name, request_of(name, **FLAT)))
    assert (found.reason, found.fields) == ("PRICE_NOT_ALLOWED", ["total_price"])


async def test_currencies_divide_by_their_own_decimals(staff: Door) -> None:
    asked = {**FLAT, "total_price": "10.002", "currency": "KWD"}
    quote = await staff("QuoteOrder", pb.QuoteOrderRequest(**asked))
    assert (quote.lines[0].unit_price, quote.total_price) == ("3.334", "10.002")
