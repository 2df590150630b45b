"""Products through the gRPC door: who adds them, what is refused, how they are listed."""

import uuid

import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from tests.server.order.doors import (
    MISSING,
    Door,
    new_product,
)
from tests.server.refusals import refused


async def test_staff_add_products_that_anyone_may_read(staff: Door, anyone: Door) -> None:
    product = await staff("CreateProduct", new_product(unit_price="3", name="Tea cup"))
    assert (product.unit_price, product.currency, product.etag) == ("3.00", "GBP", "1")
    found = await anyone("GetProduct", catalog_pb.GetProductRequest(product_id=product.id.upper()))
    assert found == product
    request = catalog_pb.ListProductsRequest(sku=product.sku.upper(), max_price="3.00")
    listed = await anyone("ListProducts", request)
    assert (list(listed.products), listed.meta.total) == ([product], 1)


async def test_customers_add_no_products(ann: Door, anyone: Door) -> None:
    assert (await refused(ann("CreateProduct", new_product()))).reason == "PERMISSION_DENIED"
    assert (await refused(anyone("CreateProduct", new_product()))).reason == "UNAUTHENTICATED"


async def test_a_product_that_is_not_there_is_named(anyone: Door, staff: Door) -> None:
    missing = await refused(anyone("GetProduct", catalog_pb.GetProductRequest(product_id=MISSING)))
    assert (missing.code, missing.reason) == (StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    first = await staff("CreateProduct", new_product())
    taken = await refused(staff("CreateProduct", new_product(sku=first.sku.upper())))
    assert (taken.code, taken.reason) == (StatusCode.ALREADY_EXISTS, "SKU_TAKEN")


async def test_a_product_is_added_once_for_a_key(staff: Door) -> None:
    request = new_product(request_id=uuid.uuid4().hex)
    assert await staff("CreateProduct", request) == await staff("CreateProduct", request)
    request.name = "Another mug"
    assert (await refused(staff("CreateProduct", request))).reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("name", ["", "   ", "\t", "\u00a0\u2003"])
async def test_a_product_has_a_name(staff: Door, name: str) -> None:
    found = await refused(staff("CreateProduct", new_product(name=name)))
    assert (found.reason, found.fields[0]) == ("VALIDATION_FAILED", "name")


async def test_prices_between_bounds_that_cross_are_refused(anyone: Door) -> None:
    request = catalog_pb.ListProductsRequest(min_price="2.01", max_price="2")
    found = await refused(anyone("ListProducts", request))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FILTER")
    assert (found.fields, found.message) == (["max_price"], "is below min_price")
    request.min_price = "2"
    await anyone("ListProducts", request)
