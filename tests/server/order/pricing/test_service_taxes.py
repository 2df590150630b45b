"""Tax rates through the gRPC door: who sets them, and what orders are taxed by."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.field_mask_pb2 import FieldMask
from iso3166 import countries

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pb
from emporium.type.v1.address_pb2 import Address
from server.kit.postgres import Pool
from server.order.orders.rules import Order, changes
from tests.server.order.doors import HOME, MISSING, Door, get, item, new_product, order_of
from tests.server.order.pricing.test_service_promotions import at, made, quote_of
from tests.server.refusals import refused


def home(country: str) -> Address:
    address = Address()
    address.CopyFrom(HOME)
    address.country_code = country
    return address


@pytest_asyncio.fixture
async def country(order_pool: Pool) -> str:
    """A country of this test's own."""
    taken = {row["country_code"] for row in await order_pool.fetch(_TAKEN)}
    free = {each.alpha2 for each in countries} - taken - {"GB", "IE", "FR", FREE_OF_TAX}
    return min(free)


FREE_OF_TAX = "AQ"

_TAKEN = "SELECT country_code FROM tax_rates"


async def taxed(staff: Door, country: str, rate: str, **fields: Any) -> pb.TaxRate:
    request = pb.CreateTaxRateRequest(
        **{"country_code": country, "name": "VAT", "rate": rate, **fields}
    )
    found: pb.TaxRate = await staff("CreateTaxRate", request)
    return found


def reading(rate: pb.TaxRate) -> pb.GetTaxRateRequest:
    return pb.GetTaxRateRequest(tax_rate_id=rate.id)


async def category(staff: Door, parent_id: str = "") -> str:
    request = catalog_pb.CreateCategoryRequest(name="Books", parent_id=parent_id)
    found: catalog_pb.Category = await staff("CreateCategory", request)
    return found.id


async def test_staff_set_what_anyone_may_read(staff: Door, anyone: Door, country: str) -> None:
    one = await taxed(staff, country, "8.8750")
    assert (one.country_code, one.category_id, one.rate, one.included) == (
        country,
        "",
        "8.875",
        False,
    )
    assert await anyone("GetTaxRate", reading(one)) == one
    books = await taxed(staff, country, "5", category_id=await category(staff))
    listed = await anyone("ListTaxRates", pb.ListTaxRatesRequest(country_code=country))
    assert {each.id for each in listed.tax_rates} == {one.id, books.id}
    of_books = pb.ListTaxRatesRequest(category_id=books.category_id.upper())
    assert list((await anyone("ListTaxRates", of_books)).tax_rates) == [books]
    change = pb.UpdateTaxRateRequest(tax_rate_id=one.id, rate="9", included=True)
    after = await staff("UpdateTaxRate", change)
    assert (after.rate, after.included, after.name) == ("9", True, "VAT")
    assert await staff("UpdateTaxRate", change) == after
    late = pb.UpdateTaxRateRequest(tax_rate_id=one.id, rate="7", etag=one.etag)
    assert (await refused(staff("UpdateTaxRate", late))).reason == "ETAG_MISMATCH"
    mask = FieldMask(paths=["rate"])
    cleared = pb.UpdateTaxRateRequest(tax_rate_id=one.id, update_mask=mask)
    assert (await refused(staff("UpdateTaxRate", cleared))).reason == "INVALID_UPDATE_MASK"
    await staff("DeleteTaxRate", pb.DeleteTaxRateRequest(tax_rate_id=one.id))
    assert (await refused(anyone("GetTaxRate", reading(one)))).reason == "TAX_RATE_NOT_FOUND"


async def test_only_staff_set_them(ann: Door, anyone: Door, country: str) -> None:
    for name, request in {
        "CreateTaxRate": pb.CreateTaxRateRequest(country_code=country, name="VAT", rate="1"),
        "UpdateTaxRate": pb.UpdateTaxRateRequest(tax_rate_id=MISSING, rate="1"),
        "DeleteTaxRate": pb.DeleteTaxRateRequest(tax_rate_id=MISSING),
    }.items():
        assert (await refused(ann(name, request))).reason == "PERMISSION_DENIED"
        assert (await refused(anyone(name, request))).reason == "UNAUTHENTICATED"


async def test_there_is_one_rate_of_each(staff: Door, country: str) -> None:
    await taxed(staff, country, "1")
    again = await refused(taxed(staff, country, "2"))
    assert (again.reason, again.fields) == ("TAX_RATE_EXISTS", ["country_code"])
    books = await category(staff)
    await taxed(staff, country, "1", category_id=books)
    again = await refused(taxed(staff, country, "2", category_id=books))
    assert (again.reason, again.fields) == ("TAX_RATE_EXISTS", ["category_id"])
    missing = await refused(taxed(staff, country, "2", category_id=MISSING))
    assert (missing.reason, missing.fields) == ("CATEGORY_NOT_FOUND", ["category_id"])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rate": "100.5"}, "rate"),
        ({"rate": "1.23456"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"country_code": "gb"}, "country_code"),
        ({"country_code": "ZZ"}, "country_code"),
        ({"name": " "}, "name"),
    ],
)
async def test_what_no_rate_can_be(
    staff: Door, country: str, fields: dict[str, Any], field: str
) -> None:
    given = {"country_code": country, "name": "VAT", "rate": "1", **fields}
    refusal = await refused(staff("CreateTaxRate", pb.CreateTaxRateRequest(**given)))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", [field])


async def test_lines_are_taxed_where_they_are_sent(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    await taxed(staff, country, "20")
    lines = [item(mug), item(mug, 2)]
    quote = await ann("QuoteOrder", quote_of(*lines, shipping_address=home(country)))
    # 0.51 and 1.02: each line by itself.
    assert (quote.tax, quote.total_price, quote.included_tax) == ("1.53", "9.18", "0.00")
    step = quote.steps[-1]
    assert (step.kind, step.label, step.amount, step.included_tax) == (
        order_pb.PriceStep.TAX,
        "VAT 20%",
        "1.53",
        "",
    )
    order = await ann("CreateOrder", order_of(*lines, shipping_address=home(country)))
    assert (order.tax, order.total_price) == ("1.53", "9.18")
    assert [line.tax for line in order.items] == ["0.51", "1.02"]
    assert await ann("GetOrder", get(order)) == order
    for fields in ({}, {"shipping_address": home("AQ")}):
        quote = await ann("QuoteOrder", quote_of(*lines, **fields))
        assert (quote.tax, len(quote.steps)) == ("0.00", 1)
    past = quote_of(*lines, shipping_address=home(country), order_date=at(days=9))
    assert (await staff("QuoteOrder", past)).tax == "0.00"


async def test_a_tax_that_prices_contain_adds_nothing(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    await taxed(staff, country, "19", included=True)
    request = quote_of(item(mug), shipping_address=home(country))
    quote = await ann("QuoteOrder", request)
    assert (quote.tax, quote.total_price, quote.included_tax) == ("0.00", "2.55", "0.41")
    assert (quote.steps[-1].amount, quote.steps[-1].included_tax) == ("0.00", "0.41")
    order = await ann("CreateOrder", order_of(item(mug), shipping_address=home(country)))
    assert (order.total_price, order.included_tax) == ("2.55", "0.41")
    assert await ann("GetOrder", get(order)) == order


async def test_the_rate_that_says_most_counts(staff: Door, ann: Door, country: str) -> None:
    top = await category(staff)
    middle = await category(staff, top)
    low, other = await category(staff, middle), await category(staff, top)
    for rate, of in (("20", ""), ("10", top), ("5", middle), ("7", other)):
        await taxed(staff, country, rate, category_id=of)

    async def tax(*categories: str) -> str:
        product = await staff("CreateProduct", new_product(unit_price="1", categories=categories))
        request = quote_of(item(product, 100), shipping_address=home(country))
        found: order_pb.Quote = await ann("QuoteOrder", request)
        return found.tax

    assert await tax() == "20.00"
    assert await tax(top) == "10.00"
    assert await tax(middle) == "5.00"
    assert await tax(low) == "5.00"
    assert await tax(low, other) == "7.00"
    assert await tax(middle, other) == "7.00"  # of two that are as near, the higher
    assert await tax(await category(staff)) == "20.00"


async def test_what_is_taken_off_is_not_taxed(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    await taxed(staff, country, "20")
    half = await made(staff, percentage="50")
    request = quote_of(item(mug, 4), promotion_codes=[half.code], shipping_address=home(country))
    quote = await ann("QuoteOrder", request)
    assert (quote.subtotal, quote.discount, quote.tax) == ("10.20", "5.10", "1.02")
    assert quote.total_price == "6.12"


async def test_a_rate_is_in_force_at_once_where_it_was_set(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    request = quote_of(item(mug, 100), shipping_address=home(country))
    assert (await ann("QuoteOrder", request)).tax == "0.00"
    rate = await taxed(staff, country, "10")
    assert (await ann("QuoteOrder", request)).tax == "25.50"
    await staff("UpdateTaxRate", pb.UpdateTaxRateRequest(tax_rate_id=rate.id, rate="20"))
    assert (await ann("QuoteOrder", request)).tax == "51.00"
    await staff("DeleteTaxRate", pb.DeleteTaxRateRequest(tax_rate_id=rate.id))
    assert (await ann("QuoteOrder", request)).tax == "0.00"


async def test_a_repeated_create_makes_one(staff: Door, country: str) -> None:
    key = uuid.uuid4().hex
    assert await taxed(staff, country, "1", request_id=key) == await taxed(
        staff, country, "1", request_id=key
    )


async def test_an_address_that_comes_later_takes_no_tax_off(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    await taxed(staff, country, "20")

    async def moves(order: order_pb.Order, to: str) -> Any:
        return await ann(
            "UpdateOrder",
            order_pb.UpdateOrderRequest(order_id=order.id, shipping_address=home(to)),
        )

    without = await ann("CreateOrder", order_of(item(mug)))
    refusal = await refused(moves(without, country))
    assert (refusal.reason, refusal.fields) == ("TAX_AGREED", ["shipping_address.country_code"])
    assert "0.00 GBP tax was agreed" in refusal.message
    assert (await moves(without, FREE_OF_TAX)).tax == "0.00"
    elsewhere = await ann("CreateOrder", order_of(item(mug), shipping_address=home(FREE_OF_TAX)))
    assert (await refused(moves(elsewhere, country))).reason == "TAX_AGREED"
    taxed_one = await ann("CreateOrder", order_of(item(mug), shipping_address=home(country)))
    assert (await refused(moves(taxed_one, FREE_OF_TAX))).reason == "TAX_AGREED"
    clearing = order_pb.UpdateOrderRequest(
        order_id=taxed_one.id, update_mask=FieldMask(paths=["shipping_address"])
    )
    refusal = await refused(ann("UpdateOrder", clearing))
    assert (refusal.reason, refusal.fields) == ("TAX_AGREED", ["shipping_address"])
    assert await ann("GetOrder", get(taxed_one)) == taxed_one
    # Within the country, whatever the rate has become since.
    [rate] = (await staff("ListTaxRates", pb.ListTaxRatesRequest(country_code=country))).tax_rates
    await staff("UpdateTaxRate", pb.UpdateTaxRateRequest(tax_rate_id=rate.id, rate="25"))
    near = home(country)
    near.city = "York"
    after = await ann(
        "UpdateOrder", order_pb.UpdateOrderRequest(order_id=taxed_one.id, shipping_address=near)
    )
    assert (after.shipping_address.city, after.tax) == ("York", "0.51")


async def test_without_the_look_at_them_an_address_would_take_taxes_off(
    staff: Door,
    ann: Door,
    mug: catalog_pb.Product,
    country: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    await taxed(staff, country, "20")
    order = await ann("CreateOrder", order_of(item(mug)))

    def unlooked(order: Order, address: Any, taxing: Any) -> Order:
        return replace(order, shipping_address=address)

    monkeypatch.setattr(changes, "retaxed", unlooked)
    request = order_pb.UpdateOrderRequest(order_id=order.id, shipping_address=home(country))
    after = await ann("UpdateOrder", request)
    assert (after.shipping_address.country_code, after.tax) == (country, "0.00")


async def test_what_prices_contain_follows_the_country(
    staff: Door, ann: Door, mug: catalog_pb.Product, country: str
) -> None:
    await taxed(staff, country, "19", included=True)
    books = await category(staff)
    await taxed(staff, country, "7", included=True, category_id=books)
    book = await staff("CreateProduct", new_product(unit_price="1.07", categories=[books]))
    order = await ann("CreateOrder", order_of(item(mug), item(book)))
    assert (order.included_tax, order.total_price) == ("0.00", "3.62")
    request = order_pb.UpdateOrderRequest(order_id=order.id, shipping_address=home(country))
    after = await ann("UpdateOrder", request)
    assert (after.included_tax, after.total_price, after.tax) == ("0.48", "3.62", "0.00")
    assert [line.included_tax for line in after.items] == ["0.41", "0.07"]
    assert await ann("GetOrder", get(order)) == after
