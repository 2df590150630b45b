"""What a rule may change of an order, the store writes: every field, one at a time."""

import uuid
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.order.orders.rules import Address, Changed, Fulfilment, Item, Order, Status
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.samples import line, placed

IMMUTABLE = {"id"}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200)
MONEY = st.decimals(0, 1_000_000, places=2)
# With both ends, which the driver would take for its signs of `-infinity` and `infinity`.
ENDS = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
MOMENT = st.sampled_from(ENDS) | st.datetimes(timezones=st.just(UTC))
ITEMS = st.lists(
    st.builds(
        Item,
        product_id=st.none() | st.uuids().map(str),
        product_name=TEXT,
        unit_price=MONEY,
        quantity=st.integers(1, 100_000),
        discount=st.just(Decimal(0)),
        tax=MONEY,
        included_tax=st.just(Decimal(0)),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.uuids().map(str),
    "status": st.sampled_from(Status),
    "items": ITEMS,
    "currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "subtotal": MONEY,
    "discount": MONEY,
    "shipping_price": MONEY,
    "tax": MONEY,
    "total_price": MONEY,
    "shipping_address": st.none() | st.builds(Address, TEXT, TEXT, TEXT, TEXT, TEXT),
    "order_date": MOMENT,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
    "number": st.integers(0, 2**40 - 1),
    "expires_at": st.none() | MOMENT,
    "payments_pending": MONEY,
    "authorized": MONEY,
    "captured": MONEY,
    "refunded": MONEY,
    "fulfilment_status": st.sampled_from(Fulfilment),
    "shipping_method_id": st.none() | st.uuids().map(str),
    "promotion_codes": st.lists(TEXT, max_size=10).map(tuple),
    "included_tax": MONEY,
}
MUTABLE = [field.name for field in fields(Order) if field.name not in IMMUTABLE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_changed_field_is_read_back(orders: PostgresOrderStore, name: str) -> None:
    # Of the past, so that it need not be of what is sold now.
    past = datetime(2010, 12, 1, tzinfo=UTC)
    lines = line(), line("Cup", "1.00", 3)
    given_order = placed(*lines, user_id=str(uuid.uuid4()), order_date=past)
    await orders.create(given_order, None, b"")
    order_id = given_order.order.id
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    for value in values:
        after = await orders.update(order_id, None, partial(with_field, name=name, value=value))
        assert getattr(after, name) == value
        assert await orders.get(order_id, None) == after


# What an amount has to be within.
MOST: dict[str, Any] = {"subtotal": Decimal(2_000_000)}
ROOM = {
    **dict.fromkeys(("payments_pending", "authorized", "captured"), MOST),
    "refunded": {**MOST, "captured": Decimal(1_000_000)},
}


def with_field(order: Order, *, name: str, value: Any) -> Changed:
    """`order` with that field, and with amounts that still add up."""
    nothing = Decimal("0.00")
    amounts = {"subtotal": value} if name == "total_price" else {name: value}
    changed = replace(order, discount=nothing, shipping_price=nothing, tax=nothing)
    changed = replace(changed, **{"captured": nothing, **ROOM.get(name, {})})
    changed = replace(changed, **amounts)
    if name == "discount":  # a total is never below zero
        changed = replace(changed, subtotal=changed.subtotal + value)
    total = changed.subtotal - changed.discount + changed.shipping_price + changed.tax
    return Changed(replace(changed, total_price=total), None)
