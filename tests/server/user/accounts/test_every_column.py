"""What a rule may change of an account, the store writes: every field, one at a time."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.kit.context import Role
from server.user.accounts.rules import Changed, Status, User
from server.user.accounts.store.accounts import PostgresUserStore
from tests.server.user.samples import HASH, become, opened

IMMUTABLE = {"id"}
MOMENT = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.just(UTC),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "email": st.uuids().map(lambda each: f"{each.hex}@Example.com"),
    "email_verified": st.booleans(),
    "owner_proven": st.booleans(),
    "password_proven": st.booleans(),
    "full_name": st.text(
        st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100
    ),
    "age": st.none() | st.integers(1, 149),
    "role": st.sampled_from([Role.CUSTOMER, Role.STAFF, Role.ADMIN]),
    "status": st.sampled_from(Status),
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "version": st.integers(1, 2**62),
    "totp_enabled": st.booleans(),
    "links_since": st.integers(0, 2**62),
    "sessions_since": st.integers(0, 2**62),
    "spared_session": st.none() | st.uuids().map(str),
}
MUTABLE = [field.name for field in fields(User) if field.name not in IMMUTABLE]


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(MUTABLE)


@pytest.mark.parametrize("name", MUTABLE)
async def test_a_changed_field_is_read_back(store: PostgresUserStore, name: str) -> None:
    await store.create(opened(role=Role.ADMIN), HASH, None, b"")  # so that this one may cease to be
    new = opened()
    await store.create(new, None, None, b"")
    user_id = new.user.id
    values = []

    @settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
    @given(VALUES[name])
    def gather(value: Any) -> None:
        values.append(value)

    gather()
    for number, value in enumerate(values, 2):
        change = partial(with_field, number=number, **{name: value})
        after = await store.update(user_id, change)
        assert getattr(after, name) == value
        assert await store.get(user_id) == after


def with_field(user: User, *, number: int, **field: Any) -> Changed:
    """`user` with that field, as of change `number`, whatever its own version."""
    changed = become(user)
    assert changed.event is not None
    return Changed(replace(user, **field), replace(changed.event, version=number))
