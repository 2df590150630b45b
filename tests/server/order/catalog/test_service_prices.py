"""Prices of products that change, through the gRPC door: each fits the currency that it is in."""

from decimal import Decimal
from typing import Any

import pytest

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import pricing_service_pb2 as prices_pb
from emporium.order.v1.catalog_service_pb2 import Product
from tests.server.order.doors import Door, item, new_product, order_of
from tests.server.refusals import refused


def changing(product: Product, **fields: Any) -> catalog_pb.UpdateProductRequest:
    return catalog_pb.UpdateProductRequest(product_id=product.id, **fields)


def reading(product: Product) -> catalog_pb.GetProductRequest:
    return catalog_pb.GetProductRequest(product_id=product.id)


async def test_a_new_price_has_the_decimals_of_its_currency(staff: Door, ann: Door) -> None:
    yen = await staff("CreateProduct", new_product(unit_price="125", currency="JPY"))
    dinars = await staff("UpdateProduct", changing(yen, unit_price="1.255", currency="KWD"))
    assert (dinars.unit_price, dinars.currency, dinars.etag) == ("1.255", "KWD", "2")
    order = await ann("CreateOrder", order_of(item(yen, 2)))
    assert (order.total_price, order.currency) == ("2.510", "KWD")
    pounds = await staff("UpdateProduct", changing(yen, unit_price="999999999.99", currency="GBP"))
    assert pounds.unit_price == "999999999.99"
    assert await staff("GetProduct", reading(pounds)) == pounds


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"unit_price": "2.555"}, "unit_price", "2 decimals at most in GBP"),
        ({"unit_price": "2.550"}, "unit_price", "2 decimals at most in GBP"),
        ({"unit_price": "2.5", "currency": "JPY"}, "unit_price", "no decimals in JPY"),
        ({"currency": "JPY"}, "currency", "no decimals, and the price is 2.55"),
        ({"currency": "XTS"}, "currency", "a currency of ISO 4217"),
        ({"currency": "XTS", "unit_price": "2"}, "currency", "a currency of ISO 4217"),
        ({"unit_price": "1000000000"}, "unit_price", "999999999.9999"),
        ({"unit_price": "0.00001"}, "unit_price", "four decimals at most"),
    ],
)
async def test_a_price_that_does_not_fit_is_refused(
    staff: Door, mug: Product, fields: dict[str, str], field: str, said: str
) -> None:
    refusal = await refused(staff("UpdateProduct", changing(mug, name="Cup", **fields)))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", [field])
    assert said in refusal.message
    assert await staff("GetProduct", reading(mug)) == mug


async def test_prices_for_many_fit_a_new_currency_too(staff: Door, mug: Product) -> None:
    breaks = [
        prices_pb.PriceBreak(min_quantity=10, unit_price="2"),
        prices_pb.PriceBreak(min_quantity=100, unit_price="1.50"),
    ]
    asked = prices_pb.SetPriceBreaksRequest(product_id=mug.id, breaks=breaks)
    await staff("SetPriceBreaks", asked)
    request = changing(mug, unit_price="300", currency="JPY")
    refusal = await refused(staff("UpdateProduct", request))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["currency"])
    assert "a price for many is 1.5" in refusal.message
    assert await staff("GetProduct", reading(mug)) == mug
    del asked.breaks[1]
    await staff("SetPriceBreaks", asked)
    assert (await staff("UpdateProduct", request)).currency == "JPY"
    kept = await staff("GetPriceBreaks", prices_pb.GetPriceBreaksRequest(product_id=mug.id))
    assert (kept.currency, [each.unit_price for each in kept.breaks]) == ("JPY", ["2"])


@pytest.mark.parametrize("bound", ["price_min", "price_max", "min_price", "max_price"])
async def test_lists_are_bounded_by_prices_of_every_currency(
    staff: Door, anyone: Door, bound: str
) -> None:
    made = await staff("CreateProduct", new_product(unit_price="0.1234", currency="CLF"))
    for price, is_in in (("0.1234", True), ("0.1235", "max" in bound), ("0.1233", "min" in bound)):
        bounds: dict[str, Any] = {bound: price}
        request = catalog_pb.ListProductsRequest(sku=made.sku, **bounds)
        found = (await anyone("ListProducts", request)).products
        assert [Decimal(each.unit_price) for each in found] == [Decimal("0.1234")] * is_in
