"""How many of a product can be ordered, as everybody sees it."""

import uuid
from typing import Any

from emporium.order.v1 import catalog_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.events_pb2 import ProductUpdated
from server.kit.postgres import Pool
from tests.server.order.doors import (
    Door,
    adjust,
    item,
    new_product,
    order_of,
    settings_of,
)
from tests.server.refusals import refused


async def read(door: Door, product: Product) -> Product:
    found: Product = await door("GetProduct", pb.GetProductRequest(product_id=product.id))
    return found


def available(product: Product) -> int | None:
    return product.available if product.HasField("available") else None


async def test_what_can_be_ordered_is_told_where_there_is_an_end_of_it(
    staff: Door, ann: Door, anyone: Door, mug: Product
) -> None:
    assert available(mug) is None  # not tracked
    await staff("AdjustStock", adjust(mug, 3))
    assert available(await read(anyone, mug)) == 3
    await ann("CreateOrder", order_of(item(mug, 2)))
    found = [
        await read(anyone, mug),
        *(await anyone("BatchGetProducts", pb.BatchGetProductsRequest(ids=[mug.id]))).products,
        *(await anyone("ListProducts", pb.ListProductsRequest(sku=mug.sku))).products,
        await staff("UpdateProduct", pb.UpdateProductRequest(product_id=mug.id, name=mug.name)),
    ]
    assert [available(each) for each in found] == [1] * 4
    await staff("UpdateStock", settings_of(mug, backorders=True))
    assert available(await read(anyone, mug)) is None
    await ann("CreateOrder", order_of(item(mug, 5)))  # and owes some
    assert available(await read(anyone, mug)) is None


async def test_an_etag_is_another_when_another_number_is_available_and_edits_go_on(
    staff: Door, ann: Door, anyone: Door, mug: Product
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    before = await read(anyone, mug)
    await ann("CreateOrder", order_of(item(mug)))
    after = await read(anyone, mug)
    assert before.etag != after.etag
    # Whoever edits has seen the product as it is, but for who has ordered it meanwhile.
    edit = pb.UpdateProductRequest(product_id=mug.id, name="Blue mug", etag=before.etag)
    assert (await staff("UpdateProduct", edit)).name == "Blue mug"
    edit.name = "Red mug"
    assert (await refused(staff("UpdateProduct", edit))).reason == "ETAG_MISMATCH"
    delete = pb.DeleteProductRequest(product_id=mug.id, etag=before.etag)
    assert (await refused(staff("DeleteProduct", delete))).reason == "ETAG_MISMATCH"


async def test_lists_have_what_is_in_stock_or_what_is_not(staff: Door, anyone: Door) -> None:
    word = f"w{uuid.uuid4().hex[:12]}"
    made = {}
    for name in ("untracked", "there", "gone", "beyond"):
        made[name] = await staff("CreateProduct", new_product(name=f"{word} {name}"))
        made[name].attributes["shelf"] = word
        edit = pb.UpdateProductRequest(product_id=made[name].id, attributes={"shelf": word})
        await staff("UpdateProduct", edit)
    await staff("AdjustStock", adjust(made["there"], 1))
    for name in ("gone", "beyond"):
        await staff("UpdateStock", settings_of(made[name], tracked=True, backorders=name != "gone"))

    async def listed(**asked: Any) -> set[str]:
        """By words, and by another filter."""
        found = [
            await anyone("ListProducts", pb.ListProductsRequest(**more, **asked))
            for more in ({"q": word}, {"attribute": [f"shelf:{word}"]})
        ]
        first, second = ({each.name.split(" ")[1] for each in page.products} for page in found)
        assert first == second
        return first

    assert await listed() == set(made)
    assert await listed(in_stock=True) == {"untracked", "there", "beyond"}
    assert await listed(in_stock=False) == {"gone"}


async def test_events_of_products_are_silent_about_what_is_available(
    staff: Door, mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    await staff("UpdateProduct", pb.UpdateProductRequest(product_id=mug.id, name="Blue mug"))
    payload = await order_pool.fetchval(
        "SELECT payload FROM outbox WHERE aggregate_type = 'product' AND aggregate_id = $1"
        " ORDER BY aggregate_version DESC LIMIT 1",
        mug.id,
    )
    product = ProductUpdated.FromString(payload).product
    assert (available(product), product.etag, product.name) == (None, "2", "Blue mug")
