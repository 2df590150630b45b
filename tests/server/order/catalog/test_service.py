"""Products through the gRPC door: who adds them, what is refused, how they are listed."""

import uuid
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1.catalog_service_pb2 import Product
from tests.server.order.doors import (
    MISSING,
    Door,
    get,
    item,
    new_product,
    order_of,
)
from tests.server.refusals import refused


async def test_staff_add_products_that_anyone_may_read(staff: Door, anyone: Door) -> None:
    product = await staff("CreateProduct", new_product(unit_price="3", name="Tea cup"))
    assert (product.unit_price, product.currency, product.etag) == ("3.00", "GBP", "1")
    found = await anyone("GetProduct", catalog_pb.GetProductRequest(product_id=product.id.upper()))
    assert found == product
    request = catalog_pb.ListProductsRequest(sku=product.sku.upper(), price_max="3.00")
    listed = await anyone("ListProducts", request)
    assert (list(listed.products), listed.meta.total) == ([product], 1)


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_lists_go_on_behind_the_longest_names(
    staff: Door, anyone: Door, direction: str
) -> None:
    names = [f"{'🎁' * 199}{n}" for n in range(3)]
    for name in names:
        await staff("CreateProduct", new_product(name=name, unit_price="9999999.99"))
    request = catalog_pb.ListProductsRequest(
        sort=f"name:{direction}", per_page=1, price_min="9999999.99"
    )
    seen = []
    while True:
        answer = await anyone("ListProducts", request)
        seen += [product.name for product in answer.products]
        if not answer.meta.next_page_token:
            break
        request.page_token = answer.meta.next_page_token
    assert sorted(set(names) & set(seen)) == names
    assert seen == sorted(seen, reverse=direction == "desc")


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
    request = catalog_pb.ListProductsRequest(price_min="2.01", price_max="2")
    found = await refused(anyone("ListProducts", request))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FILTER")
    assert (found.fields, found.message) == (["price_max"], "is below price_min")
    request.price_min = "2"
    await anyone("ListProducts", request)
    request = catalog_pb.ListProductsRequest(min_price="2.01", max_price="2")
    assert (await refused(anyone("ListProducts", request))).fields == ["max_price"]
    request = catalog_pb.ListProductsRequest(min_price="2.01", price_min="2")
    assert (await refused(anyone("ListProducts", request))).fields == ["min_price"]


def seen(product: Product) -> catalog_pb.GetProductRequest:
    return catalog_pb.GetProductRequest(product_id=product.id)


def change(product: Product, **fields: Any) -> catalog_pb.UpdateProductRequest:
    return catalog_pb.UpdateProductRequest(product_id=product.id, **fields)


@pytest.mark.parametrize("status", [Product.DRAFT, Product.ARCHIVED])
async def test_what_is_not_active_is_there_for_staff_alone(
    staff: Door, ann: Door, anyone: Door, status: Product.Status.ValueType
) -> None:
    hidden = await staff("CreateProduct", new_product(status=status))
    by_sku = catalog_pb.ListProductsRequest(sku=hidden.sku)
    of_status = catalog_pb.ListProductsRequest(
        sku=hidden.sku, status=Product.Status.Name(status).lower()
    )
    assert await staff("GetProduct", seen(hidden)) == hidden
    for request in (by_sku, of_status):
        assert list((await staff("ListProducts", request)).products) == [hidden]
    for door in (ann, anyone):
        assert (await refused(door("GetProduct", seen(hidden)))).reason == "PRODUCT_NOT_FOUND"
        for request in (by_sku, of_status):
            listed = await door("ListProducts", request)
            assert (list(listed.products), listed.meta.total) == ([], 0)
    sold = await staff("UpdateProduct", change(hidden, status=Product.ACTIVE))
    assert await anyone("GetProduct", seen(hidden)) == sold
    assert list((await anyone("ListProducts", by_sku)).products) == [sold]


async def test_staff_change_the_fields_that_they_send(staff: Door) -> None:
    before = await staff(
        "CreateProduct", new_product(description="Of tin", attributes={"size": "m"})
    )
    after = await staff(
        "UpdateProduct",
        change(before, unit_price="3.1", attributes={"colour": "red"}, etag=before.etag),
    )
    assert (after.unit_price, after.attributes, after.etag) == ("3.10", {"colour": "red"}, "2")
    assert (after.description, after.sku, after.status) == ("Of tin", before.sku, Product.ACTIVE)
    assert after.updated_at.ToNanoseconds() > before.updated_at.ToNanoseconds()
    assert await staff("UpdateProduct", change(before, unit_price="3.10")) == after
    late = await refused(staff("UpdateProduct", change(before, name="Cup", etag=before.etag)))
    assert late.reason == "ETAG_MISMATCH"


async def test_what_is_named_and_left_out_is_cleared(staff: Door) -> None:
    before = await staff(
        "CreateProduct", new_product(description="Of tin", attributes={"size": "m"})
    )
    mask = FieldMask(paths=["description", "attributes"])
    after = await staff("UpdateProduct", change(before, update_mask=mask))
    assert (after.description, dict(after.attributes), after.etag) == ("", {}, "2")
    for path in ("name", "id", "etag"):
        mask = FieldMask(paths=[path])
        found = await refused(staff("UpdateProduct", change(before, update_mask=mask)))
        assert (found.reason, found.fields) == ("INVALID_UPDATE_MASK", ["update_mask"])
    nothing = await refused(staff("UpdateProduct", change(before)))
    assert (nothing.reason, nothing.fields) == ("NOTHING_TO_UPDATE", ["update_mask"])
    assert "description, categories, attributes" in nothing.message


async def test_a_code_that_another_has_is_not_taken_by_a_change(staff: Door, mug: Product) -> None:
    other = await staff("CreateProduct", new_product())
    found = await refused(staff("UpdateProduct", change(other, sku=mug.sku.upper())))
    assert (found.code, found.reason) == (StatusCode.ALREADY_EXISTS, "SKU_TAKEN")
    assert await staff("GetProduct", seen(other)) == other
    assert (await staff("UpdateProduct", change(mug, sku=mug.sku.upper()))).etag == "2"


async def test_a_deleted_product_leaves_its_orders_as_they_are(
    staff: Door, ann: Door, mug: Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    stale = catalog_pb.DeleteProductRequest(product_id=mug.id, etag="9")
    assert (await refused(staff("DeleteProduct", stale))).reason == "ETAG_MISMATCH"
    await staff("DeleteProduct", catalog_pb.DeleteProductRequest(product_id=mug.id))
    assert (await refused(staff("GetProduct", seen(mug)))).reason == "PRODUCT_NOT_FOUND"
    assert await ann("GetOrder", get(order)) == order
    gone = await refused(staff("DeleteProduct", catalog_pb.DeleteProductRequest(product_id=mug.id)))
    assert gone.reason == "PRODUCT_NOT_FOUND"
    assert (await staff("CreateProduct", new_product(sku=mug.sku))).sku == mug.sku


async def test_only_staff_change_products(ann: Door, anyone: Door, mug: Product) -> None:
    for door, reason in ((ann, "PERMISSION_DENIED"), (anyone, "UNAUTHENTICATED")):
        assert (await refused(door("UpdateProduct", change(mug, name="X")))).reason == reason
        request = catalog_pb.DeleteProductRequest(product_id=mug.id)
        assert (await refused(door("DeleteProduct", request))).reason == reason


@pytest.mark.parametrize("status", [Product.DRAFT, Product.ARCHIVED])
async def test_what_is_not_active_is_not_ordered(
    staff: Door, ann: Door, status: Product.Status.ValueType, mug: Product
) -> None:
    hidden = await staff("CreateProduct", new_product(status=status))
    order = order_of(item(mug), item(hidden))
    found = await refused(ann("CreateOrder", order))
    assert (found.reason, found.fields) == ("PRODUCT_NOT_FOUND", ["items[1].product_id"])
    found = await refused(staff("CreateOrder", order))
    assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "PRODUCT_NOT_ACTIVE")
    assert found.fields == ["items[1].product_id"]
    order.order_date.FromJsonString("2020-01-01T00:00:00Z")
    assert len((await staff("CreateOrder", order)).items) == 2  # it was sold then


async def test_products_are_found_by_their_attributes(staff: Door, anyone: Door) -> None:
    word = f"w{uuid.uuid4().hex}"
    red = await staff("CreateProduct", new_product(attributes={"colour": word, "size": "m"}))
    await staff("CreateProduct", new_product(attributes={"size": word}))

    async def found(*attribute: str) -> list[Product]:
        request = catalog_pb.ListProductsRequest(attribute=attribute, sort="unit_price")
        return list((await anyone("ListProducts", request)).products)

    assert await found(f"colour:{word}") == await found(f"colour:{word}", "size:m") == [red]
    assert await found(f"colour:{word}", "size:s") == await found(f"colour:{word[:-1]}") == []
    twice = catalog_pb.ListProductsRequest(attribute=["size:s", "size:m"])
    assert (await refused(anyone("ListProducts", twice))).fields == ["attribute[1]"]
