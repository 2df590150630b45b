"""What every `CredentialStore` must do, on the real database."""

import pytest
from uuid_utils import uuid7

from server.kit.postgres import Pool
from server.user.accounts.rules import UserNotFound
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.logins.rules import Credentials
from server.user.logins.store import PostgresCredentialStore
from tests.server.user.samples import opened


async def test_credentials_are_found_by_email_in_any_case(
    user_pool: Pool, store: PostgresUserStore
) -> None:
    new = opened()
    user, email = new.user, new.user.email
    await store.create(new, b"hash", None, b"")
    logins = PostgresCredentialStore(user_pool)
    assert await logins.find(email.upper()) == Credentials(user, b"hash")
    await logins.replace_password(user.id, b"hash", b"other")
    assert await logins.find(email) == Credentials(user, b"other")
    await logins.replace_password(user.id, b"hash", b"too late")
    assert await logins.find(email) == Credentials(user, b"other")
    await logins.replace_password(user.id, b"other", b"renewed")
    assert await logins.find(email) == Credentials(user, b"renewed")


async def test_an_account_that_is_missing_has_no_credentials(user_pool: Pool) -> None:
    store = PostgresCredentialStore(user_pool)
    assert await store.find("nobody@example.com") is None
    with pytest.raises(UserNotFound):
        await store.get(str(uuid7()))
