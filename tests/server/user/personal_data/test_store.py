"""Erasures and their receipts in PostgreSQL."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from server.kit.context import Key
from server.kit.postgres import Pool
from server.kit.postgres.idempotency import write_once
from server.kit.receipts import Receipt
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.personal_data.rules import STORES, ErasureNotFound
from server.user.personal_data.store import PostgresErasureStore
from tests.server.user.samples import ERASING, NOW, end, opened

LATER = datetime(2026, 5, 18, 12, tzinfo=UTC)


async def erased(store: PostgresUserStore) -> str:
    new = opened()
    await store.create(new, None, None, b"")
    await store.delete(new.user.id, end, ERASING)
    return new.user.id


async def test_a_receipt_is_kept_once(store: PostgresUserStore, user_pool: Pool) -> None:
    erasures, user_id = PostgresErasureStore(user_pool), await erased(store)
    assert await erasures.done([user_id], "order/postgres") == set()
    first = Receipt("order/postgres", {"orders": 3}, LATER)
    await erasures.complete(user_id, first)
    await erasures.complete(user_id, Receipt("order/postgres", {}, LATER + timedelta(days=1)))
    found = await erasures.get(user_id)
    assert [receipt.store for receipt in found.receipts] == [*STORES]
    assert found.receipts[2] == first
    assert not found.is_complete
    assert await erasures.done([user_id, str(uuid.uuid4())], "order/postgres") == {user_id}


async def test_an_erasure_is_complete_with_its_last_receipt(
    store: PostgresUserStore, user_pool: Pool
) -> None:
    erasures, user_id = PostgresErasureStore(user_pool), await erased(store)
    for name in STORES[1:]:
        assert not (await erasures.get(user_id)).is_complete
        await erasures.complete(user_id, Receipt(name, {}, LATER))
    assert (await erasures.get(user_id)).is_complete


async def test_of_who_was_never_erased_there_is_none(user_pool: Pool) -> None:
    with pytest.raises(ErasureNotFound):
        await PostgresErasureStore(user_pool).get(str(uuid.uuid4()))


async def test_the_answer_to_a_call_that_was_under_way_is_swept(
    store: PostgresUserStore, user_pool: Pool
) -> None:
    caller = await erased(store)
    key = uuid.uuid4().hex
    for each in (caller, "nobody"):
        await write_once(user_pool, [], Key(each, "SetUserRole", key, b"body"), b"answer")
    kept = "SELECT caller FROM idempotency_keys WHERE key = $1 ORDER BY caller"
    erasures = PostgresErasureStore(user_pool)
    await erasures.sweep(NOW + timedelta(days=2))
    assert len(await user_pool.fetch(kept, key)) == 2
    await erasures.sweep(NOW + timedelta(hours=1))
    assert [row[0] for row in await user_pool.fetch(kept, key)] == ["nobody"]
