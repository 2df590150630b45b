"""The unit of work: all of it or nothing, in one order, again when the database asks for it."""

import asyncio
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio

from emporium.deadline import within
from server.kit import errors
from server.kit.postgres import Pool
from server.kit.postgres.transaction import LockOrder, UnitOfWork, transaction, write
from server.kit.postgres.writes import Table, Write, combined, hexadecimal

COLUMNS = ("id", "words", "price", "seen", "noted_at", "digest")
FIRST = Table("first_things", COLUMNS, lock_rank=1)
SECOND = Table("second_things", COLUMNS, lock_rank=2)
_LOCK = "SELECT * FROM {} WHERE id = $1 FOR UPDATE"
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def things(pool: Pool) -> Pool:
    for table in (FIRST, SECOND):
        await pool.execute(f"""
            DROP TABLE IF EXISTS {table.name};
            CREATE TABLE {table.name} (
                id uuid PRIMARY KEY, words jsonb, price numeric(14,2) CHECK (price >= 0),
                seen integer, noted_at timestamptz, digest bytea
            )
        """)
    return pool


def thing(**fields: object) -> dict[str, object]:
    made = {
        "id": str(uuid.uuid4()),
        "words": {"of": ["Łukasz", "🦊"]},
        "price": Decimal("10.10"),
        "seen": 3,
        "noted_at": NOW,
        "digest": hexadecimal(b"\x00\xff"),
    }
    return {**made, **fields}


async def stored(pool: Pool, table: Table, thing_id: object) -> asyncpg.Record | None:
    return await pool.fetchrow(f"SELECT * FROM {table.name} WHERE id = $1", thing_id)


async def test_every_kind_of_value_comes_back_as_it_went(things: Pool) -> None:
    made = thing()
    await write(things, [FIRST.insert([made])])
    found = await stored(things, FIRST, made["id"])
    assert found is not None
    assert (found["price"], found["seen"], found["noted_at"]) == (Decimal("10.10"), 3, NOW)
    assert (found["digest"], str(found["id"])) == (b"\x00\xff", made["id"])
    assert found["words"] == '{"of": ["Łukasz", "🦊"]}'


async def test_nothing_is_null_and_not_the_word(things: Pool) -> None:
    empty = thing(words=None, price=None, seen=None, noted_at=None, digest=None)
    await write(things, [FIRST.insert([empty])])
    found = await stored(things, FIRST, empty["id"])
    assert found is not None
    assert [value for name, value in found.items() if name != "id"] == [None] * 5


async def test_tables_are_written_together_or_not_at_all(things: Pool) -> None:
    good, bad = thing(), thing(price=Decimal("-1.00"))
    with pytest.raises(asyncpg.CheckViolationError):
        await write(things, [FIRST.insert([good]), SECOND.insert([bad])])
    assert await stored(things, FIRST, good["id"]) is None
    await write(things, [FIRST.insert([good]), SECOND.insert([good])])
    assert await stored(things, FIRST, good["id"]) == await stored(things, SECOND, good["id"])


async def test_an_upsert_adds_and_replaces(things: Pool) -> None:
    old, new = thing(), thing()
    await write(things, [FIRST.insert([old])])
    await write(things, [FIRST.upsert([{**old, "seen": 4}, new])])
    for made, seen in ((old, 4), (new, 3)):
        found = await stored(things, FIRST, made["id"])
        assert found is not None
        assert found["seen"] == seen


def test_parameters_are_counted_on_through_statements() -> None:
    whole = combined(
        [Write("DELETE FROM a WHERE b = $1 AND c = $2", (1, 2)), Write("$1 $10", (3,))]
    )
    assert whole.statement == "WITH write_1 AS (DELETE FROM a WHERE b = $1 AND c = $2) $3 $12"
    assert whole.arguments == (1, 2, 3)


async def test_of_many_changes_at_once_none_is_lost(things: Pool) -> None:
    made = thing(seen=0)
    await write(things, [FIRST.insert([made])])

    async def see(unit: UnitOfWork) -> None:
        [row] = await unit.lock(FIRST, _LOCK.format(FIRST.name), made["id"])
        unit.write(FIRST.update([{**made, "seen": row["seen"] + 1}]))

    await asyncio.gather(*(transaction(things, see) for _ in range(20)))
    found = await stored(things, FIRST, made["id"])
    assert found is not None
    assert found["seen"] == 20


async def test_what_the_work_raises_undoes_what_it_wrote(things: Pool) -> None:
    made = thing()

    async def regret(unit: UnitOfWork) -> None:
        unit.write(FIRST.insert([made]))
        await unit.flush()
        raise errors.Conflict("no longer")

    with pytest.raises(errors.Conflict, match="no longer"):
        await transaction(things, regret)
    assert await stored(things, FIRST, made["id"]) is None


async def test_two_units_that_would_wait_for_each_other_both_end(things: Pool) -> None:
    one, other = thing(seen=0), thing(seen=0)
    await write(things, [FIRST.insert([one, other])])
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def cross(unit: UnitOfWork, first: object, then: object) -> None:
        nonlocal attempts
        attempts += 1
        await unit.lock(FIRST, _LOCK.format(FIRST.name), first)
        if attempts <= 2:
            await both_hold_one.wait()
        await unit.lock(FIRST, _LOCK.format(FIRST.name), then)

    await asyncio.gather(
        transaction(things, lambda unit: cross(unit, one["id"], other["id"])),
        transaction(things, lambda unit: cross(unit, other["id"], one["id"])),
    )
    assert attempts == 3


SAME = Table("second_things_too", COLUMNS, lock_rank=SECOND.lock_rank)
UNRANKED = Table("second_things_too", COLUMNS)


@pytest.mark.parametrize("order", [(SECOND, FIRST), (SECOND, SAME), (SAME, SECOND), (UNRANKED,)])
async def test_a_unit_that_locks_against_the_order_is_a_defect(
    things: Pool, order: tuple[Table, ...]
) -> None:
    async def backwards(unit: UnitOfWork) -> None:
        *before, last = order
        for table in before:
            await unit.lock(table, _LOCK.format("first_things"), uuid.uuid4())
        with pytest.raises(LockOrder, match=last.name):
            await unit.lock(last, _LOCK.format("first_things"), uuid.uuid4())

    await transaction(things, backwards)


@pytest.mark.parametrize(
    "clause", ["FOR UPDATE", "for\n  no key update", "FOR SHARE", "FOR KEY SHARE SKIP LOCKED"]
)
async def test_rows_are_locked_by_lock_alone(things: Pool, clause: str) -> None:
    statement = f"SELECT * FROM first_things {clause}"

    async def work(unit: UnitOfWork) -> None:
        with pytest.raises(LockOrder, match="locked by `lock`"):
            await unit.fetch(statement)
        await unit.lock(FIRST, statement)

    await transaction(things, work)


async def test_a_lock_that_locks_nothing_is_a_defect(things: Pool) -> None:
    async def work(unit: UnitOfWork) -> None:
        with pytest.raises(LockOrder, match="locks nothing"):
            await unit.lock(FIRST, "SELECT * FROM first_things")

    await transaction(things, work)


async def test_work_that_always_meets_others_ends_as_a_conflict(things: Pool) -> None:
    attempts = 0

    async def doomed(unit: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        raise asyncpg.SerializationError("as the database would say it")

    with pytest.raises(errors.Conflict):
        await transaction(things, doomed)
    assert attempts == 3


async def test_there_is_no_other_try_once_the_deadline_is_over(things: Pool) -> None:
    attempts = 0

    async def doomed(unit: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        raise asyncpg.SerializationError("as the database would say it")

    with within(0), pytest.raises(errors.Conflict):
        await transaction(things, doomed)
    assert attempts == 1
