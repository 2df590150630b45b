"""API keys in PostgreSQL: what no caller sees happen."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.kit import errors
from server.kit.postgres import Pool
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.rules import ApiKey, Known, told_of
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.events.encoding import to_outbox
from tests.server.user.samples import opened

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)


def known(user_id: str) -> Known:
    ends = NOW + timedelta(days=1)
    key = ApiKey(str(uuid.uuid4()), user_id, "ERP", ("orders.read",), NOW, ends)
    return Known(key, bytes(32))


async def test_a_key_of_an_account_that_is_gone_is_refused(user_pool: Pool) -> None:
    keys, made = PostgresApiKeyStore(user_pool, to_outbox, lambda: None), known(str(uuid.uuid4()))
    with pytest.raises(errors.AccountInactive):
        await keys.create(made, told_of(made.key, opened().user, str(uuid.uuid4())), None, b"")
    assert await keys.find(made.key.id) is None


async def test_the_last_use_never_goes_back(user_pool: Pool, store: PostgresUserStore) -> None:
    account = opened()
    await store.create(account, None, None, b"")
    keys, made = PostgresApiKeyStore(user_pool, to_outbox, lambda: None), known(account.user.id)
    await keys.create(made, told_of(made.key, account.user, str(uuid.uuid4())), None, b"")
    later = NOW + timedelta(hours=1)
    await keys.note_use(made.key.id, later)
    await keys.note_use(made.key.id, NOW)
    found = await keys.find(made.key.id)
    assert found
    assert found.key.last_used_at == later
