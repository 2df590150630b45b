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
