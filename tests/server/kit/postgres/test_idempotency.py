"""The first answer under a key, kept with the change that it tells of."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.context import Key
from server.kit.postgres import Pool, UniqueViolationError
from server.kit.postgres.idempotency import (
    answers,
    change_once,
    first_answer,
    write_once,
)
from server.kit.postgres.transaction import UnitOfWork, write
from server.kit.postgres.writes import Table
from tests.server.kit.tables import creating

NOTES = Table("notes", ("id", "text"), lock_rank=1)
_LOCK = "SELECT * FROM notes WHERE id = $1 FOR UPDATE"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keys(pool: Pool) -> Pool:
    await pool.execute("DROP TABLE IF EXISTS idempotency_keys, notes")
    await pool.execute(creating("idempotency_keys"))
    await pool.execute("CREATE TABLE notes (id text PRIMARY KEY, text text NOT NULL)")
    return pool


async def keep(pool: Pool, key: Key, answer: bytes) -> None:
    await write(pool, [answers([(key, answer, None)])])


def key(caller: str = "ann", method: str = "Ping", **fields: Any) -> Key:
    return Key(caller, method, fields.get("request_id", "one"), fields.get("text", "x").encode())


def note(name: str, text: str = "first") -> dict[str, str]:
    return {"id": name, "text": text}


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


async def test_a_write_is_made_once_and_answered_alike(keys: Pool) -> None:
    its_key = key(request_id="once")
    assert await write_once(keys, [NOTES.insert([note("once")])], its_key, b"first") == b"first"
    again = NOTES.insert([note("once again")])
    assert await write_once(keys, [again], its_key, b"second") == b"first"
    assert await keys.fetchval("SELECT count(*) FROM notes WHERE id LIKE 'once%'") == 1


async def test_a_repeat_that_finds_its_own_row_taken_is_a_repeat(keys: Pool) -> None:
    its_key, insert = key(request_id="own"), NOTES.insert([note("own")])
    await write_once(keys, [insert], its_key, b"first")
    assert await write_once(keys, [insert], its_key, b"second") == b"first"
    with pytest.raises(UniqueViolationError):
        await write_once(keys, [insert], key(request_id="of somebody else"), b"third")


async def test_a_refused_write_keeps_no_answer(keys: Pool) -> None:
    its_key = key(request_id="refused")
    await write(keys, [NOTES.insert([note("taken")])])
    with pytest.raises(UniqueViolationError):
        await write_once(keys, [NOTES.insert([note("taken")])], its_key, b"never")
    assert await first_answer(keys, its_key) is None


async def test_of_many_changes_with_one_key_one_is_made(keys: Pool) -> None:
    await write(keys, [NOTES.insert([note("counted", "0")])])

    async def count_up(unit: UnitOfWork) -> bytes:
        [row] = await unit.lock(NOTES, _LOCK, "counted")
        after = str(int(row["text"]) + 1)
        unit.write(NOTES.update([note("counted", after)]))
        return after.encode()

    its_key = key(request_id="counted")
    given = await asyncio.gather(*(change_once(keys, count_up, its_key) for _ in range(10)))
    assert set(given) == {b"1"}
    assert await keys.fetchval("SELECT text FROM notes WHERE id = 'counted'") == "1"
    assert await change_once(keys, count_up, None) == b"2"


async def test_a_change_whose_key_came_with_another_body_is_refused(keys: Pool) -> None:
    async def nothing(unit: UnitOfWork) -> bytes:
        return b"done"

    await change_once(keys, nothing, key(request_id="changed"))
    with pytest.raises(errors.IdempotencyKeyReused):
        await change_once(keys, nothing, key(request_id="changed", text="other"))
