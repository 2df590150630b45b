"""The key of a create, and the first answer to it."""

from typing import Any

import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.postgres import Pool
from server.kit.postgres.idempotency import Key, first_answer, key_of
from tests.server.kit.ping import request
from tests.server.kit.tables import creating


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keys(pool: Pool) -> Pool:
    await pool.execute("DROP TABLE IF EXISTS idempotency_keys")
    await pool.execute(creating("idempotency_keys"))
    return pool


async def keep(pool: Pool, key: Key, answer: bytes) -> None:
    await pool.execute(
        "INSERT INTO idempotency_keys (caller, method, key, body_hash, answer)"
        " VALUES ($1, $2, $3, $4, $5)",
        *(key.caller, key.method, key.key, key.body_hash, answer),
    )


def key(caller: str = "ann", method: str = "Ping", *, secret: bytes = b"", **fields: Any) -> Key:
    made = key_of(request(**{"request_id": "one", **fields}), caller, method, secret=secret)
    assert made
    return made


def test_without_a_request_id_there_is_no_key() -> None:
    assert key_of(request(text="x"), "ann", "Ping") is None


def test_the_same_body_makes_the_same_key_whatever_the_order_of_a_map() -> None:
    forward = key(counts={"a": 1, "b": 2, "c": 3})
    assert forward == key(counts={"c": 3, "b": 2, "a": 1})
    assert forward != key(counts={"a": 1, "b": 2, "c": 4})


def test_who_does_not_know_the_secret_cannot_tell_what_was_hashed() -> None:
    first = key(text="password one", secret=b"of the service")
    assert first == key(text="password one", secret=b"of the service")
    assert first != key(text="password two", secret=b"of the service")
    assert first != key(text="password one", secret=b"of another")
    assert first != key(text="password one")


async def test_a_key_that_was_never_used_has_no_answer(keys: Pool) -> None:
    assert await first_answer(keys, key(request_id="never")) is None


async def test_a_repeat_gets_the_first_answer(keys: Pool) -> None:
    await keep(keys, key(request_id="repeat"), b"first")
    assert await first_answer(keys, key(request_id="repeat")) == b"first"


async def test_the_same_key_with_another_body_is_refused(keys: Pool) -> None:
    await keep(keys, key(request_id="reused"), b"first")
    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        await first_answer(keys, key(request_id="reused", text="other"))
    assert refused.value.violations[0].field == "request_id"


async def test_callers_and_methods_do_not_share_keys(keys: Pool) -> None:
    await keep(keys, key(request_id="shared"), b"of ann")
    assert await first_answer(keys, key("bob", request_id="shared")) is None
    assert await first_answer(keys, key(method="Pong", request_id="shared")) is None
