"""Categories through the gRPC door: a tree that stays one, and the products in it."""

import asyncio
import uuid
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode
from grpc.aio import AioRpcError

from emporium.order.v1 import catalog_service_pb2 as pb
from server.order.catalog.rules import categories as rules
from tests.server.order.doors import MISSING, Door, new_product
from tests.server.refusals import Refused, refused


async def made(staff: Door, parent: pb.Category | None = None, name: str = "Mugs") -> pb.Category:
    request = pb.CreateCategoryRequest(name=name, parent_id=parent.id if parent else "")
    category: pb.Category = await staff("CreateCategory", request)
    return category


def move(category: pb.Category, parent: pb.Category | None) -> pb.UpdateCategoryRequest:
    request = pb.UpdateCategoryRequest(category_id=category.id)
    if parent is None:
        request.update_mask.paths.append("parent_id")
    else:
        request.parent_id = parent.id
    return request


def delete(category: pb.Category, **fields: Any) -> pb.DeleteCategoryRequest:
    return pb.DeleteCategoryRequest(category_id=category.id, **fields)


async def refusals(*calls: Any) -> list[Refused]:
    """Of calls at once, those that were refused."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    return [Refused(each) for each in done if isinstance(each, AioRpcError)]


async def listed(door: Door, **fields: Any) -> list[pb.Product]:
    return list((await door("ListProducts", pb.ListProductsRequest(**fields))).products)


async def test_staff_make_a_tree_that_anybody_reads(staff: Door, anyone: Door) -> None:
    top = await made(staff, name="Kitchen")
    mugs, cups = await made(staff, top, "Mugs"), await made(staff, top, "Cups")
    found = await anyone("GetCategory", pb.GetCategoryRequest(category_id=mugs.id.upper()))
    assert (found, found.parent_id, found.etag) == (mugs, top.id, "1")
    beneath = await anyone("ListCategories", pb.ListCategoriesRequest(parent_id=top.id))
    assert (list(beneath.categories), beneath.meta.total) == ([cups, mugs], 2)


async def test_a_category_is_changed_and_moved(staff: Door) -> None:
    top, other = await made(staff), await made(staff)
    mugs = await made(staff, top)
    named = pb.UpdateCategoryRequest(category_id=mugs.id, name="Cups", etag="1")
    after = await staff("UpdateCategory", named)
    assert (after.name, after.parent_id, after.etag) == ("Cups", top.id, "2")
    assert (await refused(staff("UpdateCategory", named))).reason == "ETAG_MISMATCH"
    assert (await staff("UpdateCategory", move(mugs, other))).parent_id == other.id
    assert (await staff("UpdateCategory", move(mugs, None))).parent_id == ""
    nothing = pb.UpdateCategoryRequest(category_id=mugs.id)
    assert (await refused(staff("UpdateCategory", nothing))).reason == "NOTHING_TO_UPDATE"
    nothing.update_mask.CopyFrom(FieldMask(paths=["name"]))
    assert (await refused(staff("UpdateCategory", nothing))).reason == "INVALID_UPDATE_MASK"


async def test_what_is_not_there_is_named(staff: Door, mug: pb.Product) -> None:
    missing = pb.Category(id=MISSING)
    for call in (
        staff("GetCategory", pb.GetCategoryRequest(category_id=MISSING)),
        staff("UpdateCategory", pb.UpdateCategoryRequest(category_id=MISSING, name="X")),
        staff("DeleteCategory", delete(missing)),
    ):
        assert (await refused(call)).reason == "CATEGORY_NOT_FOUND"
    mugs = await made(staff)
    for call in (made(staff, missing), staff("UpdateCategory", move(mugs, missing))):
        found = await refused(call)
        assert (found.reason, found.fields) == ("CATEGORY_NOT_FOUND", ["parent_id"])
    categories = [mugs.id, MISSING]
    for call in (
        staff("CreateProduct", new_product(categories=categories)),
        staff("UpdateProduct", pb.UpdateProductRequest(product_id=mug.id, categories=categories)),
    ):
        found = await refused(call)
        assert (found.reason, found.fields) == ("CATEGORY_NOT_FOUND", ["categories[1]"])
    assert await staff("GetProduct", pb.GetProductRequest(product_id=mug.id)) == mug


async def test_nothing_is_beneath_itself(staff: Door) -> None:
    top = await made(staff)
    middle = await made(staff, top)
    bottom = await made(staff, middle)
    for to in (top, middle, bottom):
        found = await refused(staff("UpdateCategory", move(top, to)))
        assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "CATEGORY_CYCLE")
        assert found.fields == ["parent_id"]


async def test_of_two_moves_at_once_none_makes_a_cycle(staff: Door) -> None:
    for _ in range(10):
        one, other = await made(staff), await made(staff)
        lost = await refusals(
            staff("UpdateCategory", move(one, other)), staff("UpdateCategory", move(other, one))
        )
        assert [each.reason for each in lost] == ["CATEGORY_CYCLE"]


async def test_the_tree_is_so_deep_and_no_deeper(staff: Door) -> None:
    chain = [await made(staff)]
    while len(chain) < rules.DEPTH_MAX:
        chain.append(await made(staff, chain[-1]))
    assert (await refused(made(staff, chain[-1]))).reason == "CATEGORY_TOO_DEEP"
    above = await made(staff)
    found = await refused(staff("UpdateCategory", move(chain[0], above)))
    assert (found.reason, found.fields) == ("CATEGORY_TOO_DEEP", ["parent_id"])


async def test_there_are_so_many_and_no_more(staff: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(staff)
    monkeypatch.setattr(rules, "CATEGORIES_MAX", 1)
    assert (await refused(made(staff))).reason == "TOO_MANY_CATEGORIES"


async def test_a_category_is_made_once_for_a_key(staff: Door) -> None:
    request = pb.CreateCategoryRequest(name="Mugs", request_id=uuid.uuid4().hex)
    assert await staff("CreateCategory", request) == await staff("CreateCategory", request)
    request.name = "Cups"
    assert (await refused(staff("CreateCategory", request))).reason == "IDEMPOTENCY_KEY_REUSED"


async def test_only_what_is_empty_is_deleted(staff: Door) -> None:
    top = await made(staff)
    mugs = await made(staff, top)
    mug = await staff("CreateProduct", new_product(categories=[mugs.id], status="DRAFT"))
    for category in (top, mugs):
        found = await refused(staff("DeleteCategory", delete(category)))
        assert (found.code, found.reason) == (StatusCode.FAILED_PRECONDITION, "CATEGORY_NOT_EMPTY")
    await staff("DeleteProduct", pb.DeleteProductRequest(product_id=mug.id))
    assert (await refused(staff("DeleteCategory", delete(mugs, etag="7")))).reason == (
        "ETAG_MISMATCH"
    )
    await staff("DeleteCategory", delete(mugs, etag="1"))
    await staff("DeleteCategory", delete(top))
    found = await refused(staff("GetCategory", pb.GetCategoryRequest(category_id=top.id)))
    assert found.reason == "CATEGORY_NOT_FOUND"


async def test_a_category_is_deleted_or_a_product_is_in_it(staff: Door) -> None:
    for _ in range(10):
        mugs = await made(staff)
        lost = await refusals(
            staff("CreateProduct", new_product(categories=[mugs.id])),
            staff("DeleteCategory", delete(mugs)),
        )
        assert len(lost) == 1
        assert lost[0].reason in ("CATEGORY_NOT_FOUND", "CATEGORY_NOT_EMPTY")


async def test_only_staff_change_categories(ann: Door, anyone: Door, staff: Door) -> None:
    mugs = await made(staff)
    for door, reason in ((ann, "PERMISSION_DENIED"), (anyone, "UNAUTHENTICATED")):
        assert (await refused(made(door))).reason == reason
        assert (await refused(door("UpdateCategory", move(mugs, None)))).reason == reason
        assert (await refused(door("DeleteCategory", delete(mugs)))).reason == reason


async def test_a_category_has_the_products_of_all_beneath_it(staff: Door, anyone: Door) -> None:
    top, other = await made(staff), await made(staff)
    mugs = await made(staff, top)
    mug = await staff("CreateProduct", new_product(categories=[mugs.id.upper(), other.id]))
    tin = await staff("CreateProduct", new_product(name="Tin", categories=[top.id]))
    assert list(mug.categories) == [mugs.id, other.id]
    assert await listed(anyone, category=top.id) == [tin, mug]
    assert await listed(anyone, category=top.id, sort="name:desc") == [mug, tin]
    assert await listed(anyone, category=top.id, sort="unit_price:desc", price_max="2.55") == [
        *sorted([tin, mug], key=lambda each: each.id, reverse=True)
    ]
    assert (
        await listed(anyone, category=mugs.id) == await listed(anyone, category=other.id) == [mug]
    )
    assert await listed(anyone, category=MISSING) == []
    cleared = pb.UpdateProductRequest(
        product_id=mug.id, update_mask=FieldMask(paths=["categories"])
    )
    assert list((await staff("UpdateProduct", cleared)).categories) == []
    assert await listed(anyone, category=top.id) == [tin]


async def test_many_are_read_at_once_in_the_order_of_their_ids(staff: Door, anyone: Door) -> None:
    mug, tin = [await staff("CreateProduct", new_product()) for _ in range(2)]
    draft = await staff("CreateProduct", new_product(status="DRAFT"))
    ids = [tin.id, draft.id, MISSING, mug.id.upper(), tin.id]
    answer = await anyone("BatchGetProducts", pb.BatchGetProductsRequest(ids=ids))
    assert (list(answer.products), list(answer.missing_ids)) == ([tin, mug], [draft.id, MISSING])
    answer = await staff("BatchGetProducts", pb.BatchGetProductsRequest(ids=ids))
    assert (list(answer.products), list(answer.missing_ids)) == ([tin, draft, mug], [MISSING])
    for ids in ([], [MISSING] * 101, ["7"]):
        found = await refused(anyone("BatchGetProducts", pb.BatchGetProductsRequest(ids=ids)))
        assert found.reason == "VALIDATION_FAILED"
