"""Of an order's event the store keeps every field, also when it takes the place of another."""

from dataclasses import fields, replace
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.analytics.sales.rules import OrderEvent, State
from server.analytics.sales.store import MongoSalesStore, _event
from server.kit.mongo import Database
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.sales.histories import placed

IMMUTABLE = {"order_id"}
MOMENT = st.datetimes(timezones=st.just(UTC))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(str),
    "version": st.integers(2, 2**62),
    "state": st.sampled_from(State),
    "user_id": st.uuids().map(str),
    "order_date": MOMENT,
    "total_price": st.decimals(0, 1_000_000, places=4),
    "currency": st.just(""),  # one that no other test sells in, see below
    "units": st.integers(1, 1_000_000),
    "occurred_at": MOMENT,
    "captured": st.decimals(0, 1_000_000, places=4),
    "refunded": st.decimals(0, 1_000_000, places=4),
}
MUTABLE = [field.name for field in fields(OrderEvent) if field.name not in IMMUTABLE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_changed_field_is_read_back(
    sales: MongoSalesStore, database: Database, new_currency: NewCurrency, name: str
) -> None:
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    currency = new_currency()
    for value in values:
        before = placed(currency)
        after = replace(before, **{"version": 2, name: value})
        if name == "currency":
            after = replace(after, currency=new_currency())
        await sales.record([before])
        await sales.record([after])
        found = await database.collection("orders").find_one({"_id": UUID(before.order_id)})
        assert found
        assert _event(found) == after
