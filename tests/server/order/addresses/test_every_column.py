"""What a rule may change of a saved address, the store writes, all of it."""

import uuid
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from server.kit.postgres import Pool
from server.order.addresses.rules import Address, Book, SavedAddress
from server.order.addresses.store import PostgresAddressStore
from tests.server.order.samples import NOW, new_id

HOME = Address("Ann", "1 High Street", "Leeds", "LS1 1AA", "GB")
CHANGED: dict[str, Any] = {
    "label": "Work",
    "address": Address("Bob", "2 Mill Lane", "York", "", "US"),
    "created_at": NOW + timedelta(days=1),
    "updated_at": NOW + timedelta(days=2),
    "is_default": True,
}


def test_every_field_is_tried() -> None:
    keys = {"id", "user_id", "version"}
    assert {*CHANGED} == {field.name for field in fields(SavedAddress)} - keys


def kept(saved: SavedAddress, book: Book | None) -> SavedAddress:
    return saved


@pytest.mark.parametrize("name", CHANGED)
async def test_a_changed_field_is_read_back(order_pool: Pool, name: str) -> None:
    store, user_id = PostgresAddressStore(order_pool), str(uuid.uuid4())
    saved = [
        SavedAddress(new_id(), user_id, "", HOME, NOW, NOW, 1, is_default)
        for is_default in (True, False)
    ]
    for each in saved:
        await store.create(user_id, partial(kept, each), None, lambda _: b"")

    def change(before: SavedAddress) -> SavedAddress:
        return replace(before, **{name: CHANGED[name]}, version=before.version + 1)

    after = await store.update(user_id, saved[1].id, change)
    assert after != saved[1]
    assert await store.get(user_id, saved[1].id) == after
