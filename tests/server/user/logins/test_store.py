"""What every `CredentialStore` must do, on the real database."""

import uuid
from datetime import UTC, datetime

import pytest
from uuid_utils import uuid7

from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.accounts.rules import Status, User, UserNotFound
from server.user.accounts.store import PostgresUserStore
from server.user.logins.rules import Credentials
from server.user.logins.store import PostgresCredentialStore

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)


async def test_credentials_are_found_by_email_in_any_case(user_pool: Pool) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    user = User(str(uuid7()), email, "Ann", None, Role.CUSTOMER, Status.ACTIVE, NOW, NOW, 1)
    await PostgresUserStore(user_pool).create(user, b"hash", None, b"")
    store = PostgresCredentialStore(user_pool)
    assert await store.find(email.upper()) == Credentials(user, b"hash")
    await store.set_password(user.id, b"other")
    assert await store.find(email) == Credentials(user, b"other")


async def test_an_account_that_is_missing_has_no_credentials(user_pool: Pool) -> None:
    store = PostgresCredentialStore(user_pool)
    assert await store.find("nobody@example.com") is None
    with pytest.raises(UserNotFound):
        await store.set_password(str(uuid7()), b"hash")
