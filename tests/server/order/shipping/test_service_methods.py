"""Shipping methods through the gRPC door, and what orders pay for them."""

from typing import Any

import pytest
from grpc import StatusCode

from emporium.order.v1 import shipping_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import UpdateProductRequest
from emporium.order.v1.order_service_pb2 import (
    CreateOrderRequest,
    Order,
    PriceStep,
    QuoteOrderRequest,
)
from emporium.type.v1.address_pb2 import Address
from tests.server.order.doors import HOME, MISSING, Door, item, new_product, order_of, update
from tests.server.order.shipping.doing import GB, WORLD, new_method
from tests.server.refusals import refused

MORE = "must be more than 5, which has a price already"
FRANCE = Address(recipient="Ann", street="1 Rue", city="Paris", country_code="FR")


def method_of(method: pb.ShippingMethod, **fields: Any) -> pb.UpdateShippingMethodRequest:
    return pb.UpdateShippingMethodRequest(shipping_method_id=method.id, **fields)


def get(method: pb.ShippingMethod) -> pb.GetShippingMethodRequest:
    return pb.GetShippingMethodRequest(shipping_method_id=method.id)


async def test_a_method_is_added_read_changed_and_deleted(staff: Door, anyone: Door) -> None:
    made = await staff("CreateShippingMethod", new_method())
    assert (made.name, made.currency, made.active, made.etag) == ("Standard", "GBP", True, "1")
    assert [*made.zones[0].country_codes] == ["GB", "IE"]
    assert [(band.max_weight_grams, band.price) for band in made.zones[0].bands] == [
        *((1_000, "3.95"), (5_000, "6.50"))
    ]
    assert not made.zones[1].bands[0].HasField("max_weight_grams")
    assert made.zones[1].bands[0].price == "19.00"
    assert await anyone("GetShippingMethod", get(made)) == made
    changed = await staff("UpdateShippingMethod", method_of(made, name="Slow", zones=[WORLD]))
    assert (changed.name, len(changed.zones), changed.etag) == ("Slow", 1, "2")
    stale = method_of(made, name="Fast", etag=made.etag)
    assert (await refused(staff("UpdateShippingMethod", stale))).reason == "ETAG_MISMATCH"
    assert await staff("UpdateShippingMethod", method_of(made, name="Slow")) == changed
    found = await refused(staff("UpdateShippingMethod", method_of(made)))
    assert found.reason == "NOTHING_TO_UPDATE"
    delete = pb.DeleteShippingMethodRequest(shipping_method_id=made.id)
    await staff("DeleteShippingMethod", delete)
    found = await refused(staff("DeleteShippingMethod", delete))
    assert (found.code, found.reason) == (StatusCode.NOT_FOUND, "SHIPPING_METHOD_NOT_FOUND")


async def listed(door: Door) -> set[str]:
    """The ids of all methods that a list shows, by its pages."""
    asked, found = pb.ListShippingMethodsRequest(per_page=100), set()
    while True:
        page = await door("ListShippingMethods", asked)
        found |= {each.id for each in page.shipping_methods}
        if not page.meta.next_page_token:
            return found
        asked.page_token = page.meta.next_page_token


async def test_who_are_not_staff_see_what_is_offered_and_change_nothing(
    staff: Door, ann: Door, anyone: Door
) -> None:
    made = await staff("CreateShippingMethod", new_method(active=False, name="Zz hidden"))
    for door in (ann, anyone):
        found = await refused(door("GetShippingMethod", get(made)))
        assert found.reason == "SHIPPING_METHOD_NOT_FOUND"
        assert made.id not in await listed(door)
    assert made.id in await listed(staff)
    found = await refused(ann("UpdateShippingMethod", method_of(made, active=True)))
    assert found.code == StatusCode.PERMISSION_DENIED
    await staff("UpdateShippingMethod", method_of(made, active=True))
    assert (await anyone("GetShippingMethod", get(made))).active


async def test_a_repeat_adds_no_other(staff: Door) -> None:
    request = new_method(request_id="the-only-one")
    made = await staff("CreateShippingMethod", request)
    assert await staff("CreateShippingMethod", request) == made


def zone(*codes: str, bands: Any = ((None, "1"),)) -> pb.ShippingZone:
    return pb.ShippingZone(
        country_codes=codes,
        bands=[pb.WeightBand(max_weight_grams=most, price=price) for most, price in bands],
    )


@pytest.mark.parametrize(
    ("zones", "violations"),
    [
        (
            [zone("*", "GB")],
            {"zones[0].country_codes[0]": "* is all other countries, and stands alone"},
        ),
        ([zone("GB"), zone("FR", "GB")], {"zones[1].country_codes[1]": "zones[0] has GB already"}),
        ([zone("*"), zone("*")], {"zones[1].country_codes[0]": "zones[0] has * already"}),
        (
            [zone("GB", bands=[(5, "1"), (5, "2")])],
            {"zones[0].bands[1].max_weight_grams": MORE},
        ),
        (
            [zone("GB", bands=[(None, "1"), (5, "2")])],
            {"zones[0].bands[0].max_weight_grams": "may be left out of the last band alone"},
        ),
        (
            [zone("GB", bands=[(5, "1.005")])],
            {"zones[0].bands[0].price": "may have 2 decimals at most in GBP"},
        ),
    ],
)
async def test_zones_that_do_not_fit_are_named(staff: Door, zones: Any, violations: Any) -> None:
    found = await refused(staff("CreateShippingMethod", new_method(*zones)))
    assert (found.reason, found.violations) == ("VALIDATION_FAILED", violations)
    made = await staff("CreateShippingMethod", new_method())
    found = await refused(staff("UpdateShippingMethod", method_of(made, zones=zones)))
    assert found.violations == violations


async def test_prices_that_stay_must_fit_another_currency(staff: Door) -> None:
    made = await staff("CreateShippingMethod", new_method())
    found = await refused(staff("UpdateShippingMethod", method_of(made, currency="JPY")))
    assert found.fields == ["currency"]
    with_prices = method_of(made, currency="JPY", zones=[zone("*", bands=[(None, "250")])])
    assert (await staff("UpdateShippingMethod", with_prices)).currency == "JPY"


@pytest.mark.parametrize(
    ("grams", "count", "home", "price"),
    [
        (None, 3, HOME, "3.95"),
        (500, 2, HOME, "3.95"),
        (500, 3, HOME, "6.50"),
        (500, 3, FRANCE, "19.00"),
        (900_000, 9, FRANCE, "19.00"),
    ],
)
async def test_sending_costs_by_weight_and_country(
    staff: Door, ann: Door, grams: int | None, count: int, home: Address, price: str
) -> None:
    method = await staff("CreateShippingMethod", new_method())
    product = await staff("CreateProduct", new_product(weight_grams=grams, unit_price="2.00"))
    asked = {"shipping_address": home, "shipping_method_id": method.id}
    order = await ann("CreateOrder", order_of(item(product, count), **asked))
    assert (order.shipping_price, order.shipping_method_id) == (price, method.id)
    assert float(order.total_price) == float(order.subtotal) + float(price)
    quoted = await ann("QuoteOrder", QuoteOrderRequest(items=[item(product, count)], **asked))
    assert (quoted.shipping_price, quoted.total_price) == (price, order.total_price)
    [lines, shipping] = quoted.steps
    assert (lines.kind, shipping.kind, shipping.amount) == (
        *(PriceStep.LINES, PriceStep.SHIPPING, price),
    )
    weight = (grams or 0) * count
    assert shipping.label == f"Standard, {weight} g to {home.country_code}"


@pytest.mark.parametrize("rpc", ["CreateOrder", "QuoteOrder"])
async def test_what_cannot_be_sent_so_is_refused(staff: Door, ann: Door, rpc: str) -> None:
    method = await staff("CreateShippingMethod", new_method(GB))
    hidden = await staff("CreateShippingMethod", new_method(active=False))
    in_yen = await staff(
        "CreateShippingMethod", new_method(zone("*"), currency="JPY", name="By ship")
    )
    product = await staff("CreateProduct", new_product(weight_grams=2_000))
    by_method = "shipping_method_id"
    for chosen, count, home, reason, field in (
        (MISSING, 1, HOME, "SHIPPING_METHOD_NOT_FOUND", by_method),
        (hidden.id, 1, HOME, "SHIPPING_METHOD_NOT_FOUND", by_method),
        (in_yen.id, 1, HOME, "CURRENCY_MISMATCH", by_method),
        (method.id, 1, None, "SHIPPING_ADDRESS_REQUIRED", "shipping_address"),
        (method.id, 1, FRANCE, "NOT_SHIPPED_TO_COUNTRY", "shipping_address.country_code"),
        (method.id, 3, HOME, "ORDER_TOO_HEAVY", by_method),
    ):
        fields = {"shipping_address": home, "shipping_method_id": chosen}
        lines = [item(product, count)]
        request: Any = CreateOrderRequest if rpc == "CreateOrder" else QuoteOrderRequest
        found = await refused(ann(rpc, request(items=lines, **fields)))
        missing = reason == "SHIPPING_METHOD_NOT_FOUND"
        code = StatusCode.NOT_FOUND if missing else StatusCode.INVALID_ARGUMENT
        assert (found.code, found.reason, found.fields) == (code, reason, [field])


async def test_the_country_of_an_agreed_price_stays(staff: Door, ann: Door) -> None:
    method = await staff("CreateShippingMethod", new_method())
    product = await staff("CreateProduct", new_product())
    asked = {"shipping_address": HOME, "shipping_method_id": method.id}
    order = await ann("CreateOrder", order_of(item(product), **asked))
    found = await refused(ann("UpdateOrder", update(order, shipping_address=FRANCE)))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "SHIPPING_PRICE_AGREED")
    assert found.message.endswith("shipping to GB was agreed; order anew for FR")
    cleared = update(order)
    cleared.update_mask.paths.append("shipping_address")
    assert (await refused(ann("UpdateOrder", cleared))).reason == "SHIPPING_PRICE_AGREED"
    moved = Address(recipient="Ann", street="2 Road", city="York", country_code="GB")
    changed = await ann("UpdateOrder", update(order, shipping_address=moved))
    assert (changed.shipping_address, changed.shipping_price) == (moved, order.shipping_price)
    # Where nothing was agreed it may go anywhere.
    free = await ann("CreateOrder", order_of(item(product), shipping_address=HOME))
    free = await ann("UpdateOrder", update(free, shipping_address=FRANCE))
    assert free.shipping_address == FRANCE


async def test_an_order_keeps_the_price_of_a_method_that_changes(staff: Door, ann: Door) -> None:
    method = await staff("CreateShippingMethod", new_method())
    product = await staff("CreateProduct", new_product())
    asked = {"shipping_address": HOME, "shipping_method_id": method.id}
    order = await ann("CreateOrder", order_of(item(product), **asked))
    delete = pb.DeleteShippingMethodRequest(shipping_method_id=method.id)
    await staff("DeleteShippingMethod", delete)
    paid = await staff("UpdateOrder", update(order, status=Order.PAID))
    assert (paid.shipping_price, paid.shipping_method_id) == ("3.95", method.id)
    sent = await staff("CreateShipment", pb.CreateShipmentRequest(order_id=order.id))
    assert sent.shipping_method_id == method.id


async def test_a_weight_is_set_and_cleared(staff: Door, anyone: Door) -> None:
    product = await staff("CreateProduct", new_product(weight_grams=0))
    assert (product.HasField("weight_grams"), product.weight_grams) == (True, 0)
    change = UpdateProductRequest(product_id=product.id, weight_grams=120)
    assert (await staff("UpdateProduct", change)).weight_grams == 120
    clear = UpdateProductRequest(product_id=product.id)
    clear.update_mask.paths.append("weight_grams")
    assert not (await staff("UpdateProduct", clear)).HasField("weight_grams")
    found = await refused(staff("CreateProduct", new_product(weight_grams=1_000_001)))
    assert found.fields == ["weight_grams"]
