"""Accounts that the operator makes."""

import uuid

import bcrypt

from server.kit.context import Role
from server.user.accounts import ensure_account
from server.user.store.postgres import PostgresUserStore

CHEAPEST_BCRYPT = 4


async def test_an_account_is_made_once_and_then_brought_up_to_date(
    store: PostgresUserStore,
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    first = await ensure_account(store, email, "Ann", Role.STAFF, "password one", CHEAPEST_BCRYPT)
    again = await ensure_account(store, email, "Ann", Role.ADMIN, "password two", CHEAPEST_BCRYPT)

    found = await store.credentials(email)
    assert found is not None
    user, password_hash = found
    assert first == again == str(user.id)
    assert user.role is Role.ADMIN
    assert password_hash is not None
    assert bcrypt.checkpw(b"password two", password_hash)
