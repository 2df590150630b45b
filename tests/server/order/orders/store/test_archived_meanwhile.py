"""A product that is archived between the look at it and the order: the order is refused."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from server.kit.postgres import Pool
from server.order.catalog.rules import Offer, ProductChange, ProductStatus, change_product
from server.order.catalog.store.products import PostgresCatalogStore
from server.order.orders.rules import Line, OffersChanged, Placed
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.samples import NOW, added, new_id, placed, product


async def sold(catalog: PostgresCatalogStore) -> str:
    new = product()
    await catalog.create(added(new), None, b"")
    return new.id


async def archive(catalog: PostgresCatalogStore, product_id: str) -> None:
    change = ProductChange({"status": ProductStatus.ARCHIVED}, "")
    await catalog.update(product_id, lambda each: change_product(each, change, new_id(), NOW))


def order_of(product_id: str, **fields: Any) -> Placed:
    offers = {product_id: Offer("Mug", product().unit_price, "GBP")}
    return placed(Line(product_id, None, None, 1), offers=offers, **fields)


async def test_an_order_of_what_is_no_more_sold_is_refused(
    catalog: PostgresCatalogStore, orders: PostgresOrderStore
) -> None:
    product_id = await sold(catalog)
    placed_before = order_of(product_id)
    await orders.create(placed_before, None, b"")
    await archive(catalog, product_id)
    with pytest.raises(OffersChanged):
        await orders.create(order_of(product_id), None, b"")
    with pytest.raises(OffersChanged):
        await orders.create(order_of(new_id()), None, b"")  # deleted
    past = order_of(product_id, order_date=NOW.replace(year=2010))
    await orders.create(past, None, b"")
    assert await orders.get(past.order.id, None) == past.order


async def test_one_among_many_is_refused_alone(
    catalog: PostgresCatalogStore, orders: PostgresOrderStore
) -> None:
    good, bad = await sold(catalog), await sold(catalog)
    await archive(catalog, bad)
    news = [order_of(bad if n == 7 else good) for n in range(20)]
    done = await asyncio.gather(
        *(orders.create(new, None, b"") for new in news), return_exceptions=True
    )
    assert [n for n, each in enumerate(done) if isinstance(each, OffersChanged)] == [7]
    assert sum(each == b"" for each in done) == 19


async def test_without_the_trigger_it_would_be_ordered(
    catalog: PostgresCatalogStore, orders: PostgresOrderStore, order_pool: Pool
) -> None:
    """The negative control: an order of the past is looked at by the trigger, and let pass."""
    product_id = await sold(catalog)
    await archive(catalog, product_id)
    now = order_of(product_id)
    past = replace(now.order, order_date=NOW.replace(year=2010))
    await orders.create(now._replace(order=past), None, b"")
    with pytest.raises(OffersChanged):
        await orders.create(order_of(product_id), None, b"")
