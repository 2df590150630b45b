"""Amounts through the gRPC door: in each currency as it has them, up to the largest."""

from decimal import Decimal

import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import personal_data_service_pb2 as held_pb
from tests.server.conftest import Token
from tests.server.order.doors import Door, get, item, new_product, order_of
from tests.server.refusals import refused

# The currency, the largest price of one and the largest total in it.
LARGEST = [
    ("JPY", "999999999", "99999999999999"),
    ("GBP", "999999999.99", "99999999999999.99"),
    ("KWD", "999999999.999", "99999999999999.999"),
    ("CLF", "999999999.9999", "99999999999999.9999"),
]
AMOUNTS = ("subtotal", "discount", "shipping_price", "tax", "total_price")


def largest_order(price: str, total: str, currency: str) -> pb.CreateOrderRequest:
    """Staff's order of the largest total: most of it by one line of many."""
    rest = Decimal(total) - Decimal(price) * 100_000
    lines = [
        pb.NewOrderItem(product_name="Yacht", unit_price=price, quantity=100_000),
        pb.NewOrderItem(product_name="Rest", unit_price=f"{rest:f}", quantity=1),
    ]
    return order_of(*lines, currency=currency)


@pytest.mark.parametrize(("currency", "price", "total"), LARGEST)
async def test_the_largest_amounts_are_read_back_as_they_were_sent(
    staff: Door, anyone: Door, token: Token, currency: str, price: str, total: str
) -> None:
    product = await staff("CreateProduct", new_product(unit_price=price, currency=currency))
    assert (product.unit_price, product.currency) == (price, currency)
    request = catalog_pb.GetProductRequest(product_id=product.id)
    assert await anyone("GetProduct", request) == product

    order = await staff("CreateOrder", largest_order(price, total, currency))
    nothing = f"{Decimal(0):.{len(price.partition('.')[2])}f}"
    shown = [getattr(order, name) for name in AMOUNTS]
    assert shown == [total, nothing, nothing, nothing, total]
    assert order.items[0].unit_price == price
    assert order.items[0].line_total == f"{Decimal(price) * 100_000:f}"
    assert await staff("GetOrder", get(order)) == order
    listed = await staff("ListUserOrders", pb.ListUserOrdersRequest(user_id=staff.user_id))
    assert [each.total_price for each in listed.orders] == [total]

    user = Door(staff.channel, token("SERVICE", "user"))
    held = await user("ExportBuyer", held_pb.ExportBuyerRequest(user_id=staff.user_id))
    [record] = held.parts[0].records
    assert [record[name] for name in AMOUNTS] == shown
    assert record["items"][0]["unit_price"] == price


@pytest.mark.parametrize(
    ("currency", "price", "said"),
    [
        ("JPY", "1.5", "may have no decimals in JPY"),
        ("JPY", "100.00", "may have no decimals in JPY"),
        ("USD", "1.255", "may have 2 decimals at most in USD"),
        ("", "1.255", "may have 2 decimals at most in GBP"),
        ("KWD", "1.2555", "may have 3 decimals at most in KWD"),
    ],
)
async def test_more_decimals_than_the_currency_has_are_refused_by_name_and_number(
    staff: Door, currency: str, price: str, said: str
) -> None:
    found = await refused(staff("CreateProduct", new_product(unit_price=price, currency=currency)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert (found.fields, found.message) == (["unit_price"], f"unit_price: {said}")
    line = pb.NewOrderItem(product_name="Cup", unit_price=price, quantity=1)
    found = await refused(staff("CreateOrder", order_of(line, currency=currency)))
    assert found.message == f"items[0].unit_price: {said}"
    assert found.fields == ["items[0].unit_price"]


@pytest.mark.parametrize("currency", ["XTS", "XAU", "ABC"])
async def test_what_is_no_currency_is_refused(
    staff: Door, mug: catalog_pb.Product, currency: str
) -> None:
    for asked in (
        staff("CreateProduct", new_product(currency=currency)),
        staff("CreateOrder", order_of(item(mug), currency=currency)),
    ):
        found = await refused(asked)
        assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["currency"])


async def test_customers_pay_in_the_currency_of_the_products(staff: Door, ann: Door) -> None:
    product = await staff("CreateProduct", new_product(unit_price="125", currency="JPY"))
    order = await ann("CreateOrder", order_of(item(product, 3)))
    assert (order.currency, order.total_price, order.tax) == ("JPY", "375", "0")
    product = await staff("CreateProduct", new_product(unit_price="1.25", currency="KWD"))
    assert product.unit_price == "1.250"
    order = await ann("CreateOrder", order_of(item(product, 3)))
    assert (order.currency, order.total_price) == ("KWD", "3.750")
