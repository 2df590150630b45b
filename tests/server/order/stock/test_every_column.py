"""What a rule may change of a stock, the store writes, all of it."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from server.order.events.stock import to_outbox
from server.order.stock.rules import Change, Stock
from server.order.stock.store.stock import PostgresStockStore

IMMUTABLE = {"product_id"}
COUNT = st.integers(0, 1_000_000_000)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "on_hand": COUNT,
    "reserved": COUNT,
    "low_stock_at": st.none() | COUNT,
    "tracked": st.booleans(),
    "backorders": st.just(True),  # with which any count may be reserved
    "version": st.integers(1, 2**62),
    "movements": COUNT,
    "events": st.integers(0, 2**62),
    "updated_at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
}
MUTABLE = [field.name for field in fields(Stock) if field.name not in IMMUTABLE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_changed_field_is_read_back(order_pool: Pool, mug: Product, name: str) -> None:
    store = PostgresStockStore(order_pool, to_outbox, lambda: None)
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    for value in values:

        def change(before: Stock, value: Any = value) -> Change:
            return Change(replace(before, **{"backorders": True, name: value}), None, None)

        changed = await store.update(mug.id, change)
        assert getattr(changed, name) == value
        assert await store.get(mug.id) == changed
