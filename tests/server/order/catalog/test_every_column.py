"""Of products and categories the stores keep every field, of new ones and of changed ones."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit.postgres import Pool
from server.order.catalog.rules import (
    Category,
    Product,
    ProductChanged,
    ProductStatus,
    add_category,
)
from server.order.catalog.store.categories import PostgresCategoryStore
from server.order.catalog.store.products import PostgresCatalogStore
from tests.server.order.samples import NOW, added, new_id, product

IMMUTABLE = {"id"}
MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
CATEGORIES = [new_id() for _ in range(4)]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "sku": st.uuids().map(lambda each: each.hex),
    "name": st.text(
        st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200
    ),
    "description": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=500),
    "status": st.sampled_from(ProductStatus),
    "categories": st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple),
    "attributes": st.dictionaries(
        st.text("abc", min_size=1), st.text(st.characters(codec="utf-8", exclude_characters="\0"))
    ),
    "unit_price": st.decimals(0, 1_000_000, places=2),
    "currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
    "weight_grams": st.none() | st.integers(0, 1_000_000),
}
KEPT_ELSEWHERE = {"available"}  # with the stock
MUTABLE = [field.name for field in fields(Product) if field.name not in IMMUTABLE | KEPT_ELSEWHERE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def categories(order_pool: Pool) -> None:
    store = PostgresCategoryStore(order_pool)
    for each in CATEGORIES:
        await store.create(add_category("Mugs", None, each, NOW), None, b"")


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_field_is_read_back(catalog: PostgresCatalogStore, name: str) -> None:
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    for value in values:
        new = replace(product(), **{name: value})
        await catalog.create(added(new), None, b"")
        assert await catalog.get(new.id, only_active=False) == new
        event = replace(added(new).event, version=2**62 + 1)
        await catalog.delete(new.id, lambda _, told=event: told)  # type: ignore[misc]  # a default

        old = product()
        await catalog.create(added(old), None, b"")
        after = replace(old, **{name: value})
        changed = ProductChanged(after, replace(added(after).event, version=2))
        await catalog.update(old.id, lambda _, to=changed: to)  # type: ignore[misc]  # a default
        assert await catalog.get(old.id, only_active=False) == after


OF_CATEGORIES: dict[str, st.SearchStrategy[Any]] = {
    "name": VALUES["name"].filter(lambda each: len(each) <= 100),
    "parent_id": st.none() | st.sampled_from(CATEGORIES),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}


def test_every_field_of_a_category_is_tried() -> None:
    assert {*OF_CATEGORIES, "id"} == {field.name for field in fields(Category)}


@pytest.mark.parametrize("name", OF_CATEGORIES)
async def test_a_field_of_a_category_is_read_back(order_pool: Pool, name: str) -> None:
    store, values = PostgresCategoryStore(order_pool), []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(OF_CATEGORIES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    for value in values:
        old = add_category("Cups", None, new_id(), NOW)
        new = replace(old, **{name: value})
        await store.create(new, None, b"")
        assert await store.get(new.id) == new
        await store.update(new.id, lambda _, __, to=old: to)  # type: ignore[misc]  # a default
        await store.update(new.id, lambda _, __, to=new: to)  # type: ignore[misc]  # a default
        assert await store.get(new.id) == new
