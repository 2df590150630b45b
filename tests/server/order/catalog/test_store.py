"""The contract of `CatalogStore`, on PostgreSQL."""

import asyncio
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from server.kit import errors, postgres
from server.kit.context import Key
from server.kit.listing.paging import PageQuery, Sort
from server.order.catalog.rules import Offer, Product, ProductFilters, ProductNotFound, SkuTaken
from server.order.catalog.store.products import PostgresCatalogStore
from server.order.events import products as product_events
from server.settings import Postgres
from tests.server.order.conftest import Wakes
from tests.server.order.samples import GBP, added, new_id, product
from tests.server.tokens import TOKENS

Store = PostgresCatalogStore
BY_NAME = Sort("name", descending=False)


async def create(store: Store, given: Product) -> Product:
    await store.create(added(given), None, b"")
    return given


async def test_what_is_created_is_read_again(catalog: Store) -> None:
    given = await create(catalog, product(name="Tea cup ☕", unit_price=Decimal("9999999.99")))
    assert await catalog.get(given.id, only_active=True) == given


async def test_a_missing_product_is_not_found(catalog: Store) -> None:
    with pytest.raises(ProductNotFound):
        await catalog.get(new_id(), only_active=False)


async def test_a_sku_is_taken_in_any_case(catalog: Store) -> None:
    first = await create(catalog, product(sku=f"A{uuid.uuid4().hex}"))
    with pytest.raises(SkuTaken) as raised:
        await create(catalog, product(sku=first.sku.lower()))
    assert [violation.field for violation in raised.value.violations] == ["sku"]


async def test_offers_are_found_for_many_callers_at_once(catalog: Store) -> None:
    made = [await create(catalog, product(unit_price=Decimal(number))) for number in range(20)]
    found = await asyncio.gather(
        *(catalog.offers({each.id, new_id()}) for each in made), catalog.offers(())
    )
    assert found[-1] == {}
    for each, offers in zip(made, found[:-1], strict=True):
        assert offers[each.id] == Offer(each.name, each.unit_price, GBP)


async def test_a_repeat_gets_the_first_answer(catalog: Store) -> None:
    given = product()
    key = Key("ann", "CreateProduct", new_id(), b"body")
    assert await catalog.create(added(given), key, b"first") == b"first"
    assert await catalog.create(added(replace(given, id=new_id())), key, b"second") == b"first"
    with pytest.raises(errors.IdempotencyKeyReused):
        await catalog.create(added(product()), replace(key, body_hash=b"other"), b"third")


@pytest.mark.parametrize("field", ["name", "sku", "unit_price", "created_at"])
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_run_through_ties_without_gap_or_repeat(
    catalog: Store, field: str, descending: bool
) -> None:
    # The table is shared, so this test's products have a price that no other has.
    low = Decimal(uuid.uuid4().int % 9_000_000)
    made = []
    for number in range(11):
        price = low + Decimal(number // 4) / 100
        made.append(await create(catalog, product(name=f"Mug {number % 3}", unit_price=price)))
    expected = sorted(made, key=lambda each: (getattr(each, field), each.id), reverse=descending)
    filters = ProductFilters(price_min=low, price_max=low + Decimal("0.10"))

    seen: list[Product] = []
    query = PageQuery(Sort(field, descending), 3, 1, None, None, "", TOKENS)
    while True:
        page = await catalog.list(filters, query)
        seen += page.rows
        if page.next_after is None:
            break
        query = replace(query, after=page.next_after, total=page.total)
    assert seen == expected


async def test_filters_narrow_the_list(catalog: Store) -> None:
    given = await create(catalog, product(sku=f"A{uuid.uuid4().hex}", unit_price=Decimal("3.33")))

    async def listed(**filters: Any) -> bool:
        wanted = ProductFilters(sku=given.sku.lower(), **filters)
        page = await catalog.list(wanted, PageQuery(BY_NAME, 20, 1, None, None, "", TOKENS))
        return list(page.rows) == [given]

    assert await listed()
    assert await listed(price_min=Decimal("3.33"), price_max=Decimal("3.33"))
    assert not await listed(price_min=Decimal("3.34"))
    assert not await listed(price_max=Decimal("3.32"))


async def test_a_closed_store_is_unavailable(order_database: Postgres) -> None:
    async with postgres.connected(order_database) as pool:
        closed = PostgresCatalogStore(pool, product_events.to_outbox, Wakes())
    for attempt in (
        closed.create(added(product()), None, b""),
        closed.get(new_id(), only_active=True),
        closed.offers({new_id()}),
        closed.list(ProductFilters(), PageQuery(BY_NAME, 20, 1, None, None, "", TOKENS)),
    ):
        with pytest.raises(errors.Unavailable):
            await attempt
