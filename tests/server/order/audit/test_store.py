"""Where the records of the order service wait."""

from server.kit.postgres import Pool
from server.order.audit.store import PostgresWaiting
from tests.server.kit.audit.records import record


async def test_what_waits_is_read_as_it_was_stored_the_oldest_first(order_pool: Pool) -> None:
    waiting = PostgresWaiting(order_pool)
    await waiting.forget([each.id for each in await waiting.first(100_000)])
    old, new = record(subject_id="01900000-0000-7000-8000-000000000001"), record(1, actor_role=None)
    await waiting.append([new])
    await waiting.append([old, new])
    assert await waiting.first(10) == [old, new]
    assert await waiting.first(1) == [old]
    await waiting.forget([old.id])
    assert await waiting.first(10) == [new]


async def test_what_is_set_aside_waits_no_more_until_it_is_taken_up(order_pool: Pool) -> None:
    waiting = PostgresWaiting(order_pool)
    await waiting.forget([each.id for each in await waiting.first(100_000)])
    bad, other = record(), record(1)
    await waiting.append([bad, other])
    await waiting.set_aside(bad.without_origin(), "no such moment")
    await waiting.append([bad])  # by a process that has not heard that it is stored
    assert await waiting.first(10) == [other]
    why = "SELECT refused FROM audit_waiting WHERE id = $1"
    assert await order_pool.fetchval(why, bad.id) == "no such moment"
    await waiting.take_up()
    assert await waiting.first(10) == [bad.without_origin(), other]
    await waiting.forget([bad.id, other.id])
