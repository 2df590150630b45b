"""Of a product the store keeps every field. No rule changes one yet."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.order.catalog.rules import Product
from server.order.catalog.store import PostgresCatalogStore
from tests.server.order.samples import product

IMMUTABLE = {"id"}
MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "sku": st.uuids().map(lambda each: each.hex),
    "name": st.text(
        st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200
    ),
    "unit_price": st.decimals(0, 1_000_000, places=2),
    "currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}
MUTABLE = [field.name for field in fields(Product) if field.name not in IMMUTABLE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


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
        await catalog.create(new, None, b"")
        assert await catalog.get(new.id) == new
