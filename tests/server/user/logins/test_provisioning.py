"""Accounts that the operator makes."""

import uuid

import bcrypt

from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.logins.provisioning import ensure_account
from server.user.logins.store import PostgresCredentialStore

CHEAPEST_BCRYPT = 4


async def test_an_account_is_made_once_and_then_brought_up_to_date(
    user_pool: Pool,
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    first = await ensure_account(
        user_pool, email, "Ann", Role.STAFF, "password one", CHEAPEST_BCRYPT
    )
    again = await ensure_account(
        user_pool, email, "Ann", Role.ADMIN, "password two", CHEAPEST_BCRYPT
    )

    found = await PostgresCredentialStore(user_pool).find(email)
    assert found is not None
    user, password_hash = found.user, found.password_hash
    assert first == again == user.id
    assert user.role is Role.ADMIN
    rows = await user_pool.fetch("SELECT actor_id FROM audit_logs WHERE subject_id = $1", user.id)
    assert [row["actor_id"] for row in rows] == ["operator"], "of the create"
    assert password_hash is not None
    assert bcrypt.checkpw(b"password two", password_hash)
