"""What a rule may change of a promotion and of a tax rate, the store writes, all of it."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit.outbox import Event
from server.kit.postgres import Pool
from server.order.events.promotions import to_outbox
from server.order.pricing.rules import Promotion, PromotionEvent, Stacking, TaxRate, promotion_told
from server.order.pricing.store.promotions import PostgresPromotionStore
from server.order.pricing.store.rates import PostgresTaxRateStore
from tests.server.order.samples import NOW, new_id

TEXT = st.text("abcXYZ09", min_size=1, max_size=64)
COUNT = st.integers(1, 2**31 - 1)
AMOUNT = st.decimals("0.01", 1_000_000, places=2)
MOMENT = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
OF_PROMOTIONS: dict[str, st.SearchStrategy[Any]] = {
    "code": st.uuids().map(str),
    "name": TEXT,
    "percentage": st.decimals("0.01", 100, places=2),
    "currency": st.sampled_from(["EUR", "USD"]),
    "valid_from": st.none() | MOMENT,
    "valid_until": st.none() | MOMENT,
    "min_subtotal": st.none() | AMOUNT,
    "uses_max": st.none() | COUNT,
    "uses_max_per_person": st.none() | COUNT,
    "stacking": st.sampled_from(Stacking),
    "active": st.booleans(),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}
OF_RATES: dict[str, st.SearchStrategy[Any]] = {
    "country_code": st.sampled_from(["YA", "YB", "YC"]),
    "category_id": st.none(),
    "name": TEXT,
    "rate": st.decimals(0, 100, places=4),
    "included": st.booleans(),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
}


def test_every_field_is_tried() -> None:
    # The database counts uses by itself; an amount stands where a percentage does not.
    others = {"id", "uses", "amount"}
    assert {*OF_PROMOTIONS} == {field.name for field in fields(Promotion)} - others
    assert {*OF_RATES} == {field.name for field in fields(TaxRate)} - {"id"}


def some(strategy: st.SearchStrategy[Any]) -> list[Any]:
    values: list[Any] = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(strategy)
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    return values


def told(event: PromotionEvent) -> Event:
    """As one of a promotion of its own: here versions do not count the changes."""
    return replace(to_outbox(event), aggregate_id=new_id())


@pytest.mark.parametrize("name", [*OF_PROMOTIONS, "amount"])
async def test_a_changed_field_of_a_promotion_is_read_back(order_pool: Pool, name: str) -> None:
    store = PostgresPromotionStore(order_pool, told, lambda: None)
    kind: dict[str, Any] = (
        {"amount": Decimal(1)} if name == "amount" else {"percentage": Decimal(1)}
    )
    made = Promotion(
        id=new_id(),
        code=new_id(),
        name="Less",
        currency="GBP",
        created_at=NOW,
        updated_at=NOW,
        version=1,
        **kind,
    )
    await store.create(promotion_told(None, made, None), None, b"")
    for value in some(AMOUNT if name == "amount" else OF_PROMOTIONS[name]):

        def change(before: Promotion, value: Any = value) -> Promotion:
            return replace(before, **{name: value})

        changed = await store.update(made.id, change)
        assert getattr(changed, name) == value
        assert await store.get(made.id) == changed


@pytest.mark.parametrize("name", OF_RATES)
async def test_a_changed_field_of_a_rate_is_read_back(order_pool: Pool, name: str) -> None:
    store = PostgresTaxRateStore(order_pool)
    made = TaxRate(new_id(), "YZ", None, "VAT", Decimal(1), False, NOW, NOW, 1)
    await store.create(made, None, b"")
    for value in some(OF_RATES[name]):

        def change(before: TaxRate, value: Any = value) -> TaxRate:
            return replace(before, **{name: value})

        changed = await store.update(made.id, change)
        assert getattr(changed, name) == value
        assert await store.get(made.id) == changed
    await store.delete(made.id, lambda _: None)
