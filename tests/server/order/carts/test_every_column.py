"""What a rule may change of a cart, the store writes, all of it."""

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from server.kit.postgres import Pool
from server.kit.postgres.transaction import write
from server.order.addresses.rules import Address
from server.order.carts.rules import Availability, Cart, CartLine, Reach, Status, new_cart
from server.order.carts.store import rows
from server.order.carts.store.carts import PostgresCartStore
from server.order.events.carts import abandoned
from tests.server.order.samples import NOW, new_id

LINE = CartLine(new_id(), 3, Decimal("2.50"), "GBP", Availability.TOO_FEW, NOW)
CHANGED: dict[str, dict[str, Any]] = {
    "status": {"status": Status.MERGED, "merged_into": new_id()},
    "items": {"items": (LINE,)},
    "promotion_codes": {"promotion_codes": ("A", "B")},
    "shipping_method_id": {"shipping_method_id": new_id()},
    "shipping_address": {"shipping_address": Address("Ann", "1", "Leeds", "", "GB")},
    "shipping_address_id": {"shipping_address_id": new_id()},
    "order_id": {"status": Status.CHECKED_OUT, "order_id": new_id()},
    "merged_into": {"status": Status.MERGED, "merged_into": new_id()},
    "created_at": {"created_at": NOW + timedelta(days=1)},
    "updated_at": {"updated_at": NOW + timedelta(days=1)},
    "expires_at": {"expires_at": NOW + timedelta(days=1)},
    "version": {"version": 7},
    "user_id": {"user_id": new_id()},
}


def test_every_field_is_tried() -> None:
    assert {*CHANGED} == {field.name for field in fields(Cart)} - {"id"}


@pytest.mark.parametrize("name", CHANGED)
async def test_a_changed_field_is_read_back(order_pool: Pool, name: str) -> None:
    store = PostgresCartStore(order_pool, abandoned, lambda: None)
    cart = new_cart(new_id(), new_id(), NOW)
    await store.create(cart, None, None, lambda _: b"")
    after = replace(cart, **CHANGED[name])
    await write(order_pool, [rows.CARTS.update([rows.row(after)])])
    assert await store.get(cart.id, Reach(all_of_them=True)) == after


@pytest.mark.parametrize(
    "name", ["items", "promotion_codes", *(each for each in CHANGED if "shipping" in each)]
)
async def test_so_does_a_change_of_one_cart(order_pool: Pool, name: str) -> None:
    store = PostgresCartStore(order_pool, abandoned, lambda: None)
    cart = new_cart(new_id(), new_id(), NOW)
    await store.create(cart, None, None, lambda _: b"")
    after = replace(cart, **CHANGED[name], version=2)
    await store.update(cart.id, Reach(cart.user_id), lambda _, __: after)
    assert await store.get(cart.id, Reach(cart.user_id)) == after
