"""What every `FailureStore` must do, on the real database."""

import asyncio
import secrets
from datetime import timedelta

from server.kit.postgres import Pool
from server.user.throttling.rules import Failures
from server.user.throttling.store import PostgresFailureStore
from tests.server.user.samples import NOW

WINDOW = timedelta(seconds=900)


def keys(count: int) -> list[bytes]:
    return [secrets.token_bytes(32) for _ in range(count)]


async def test_failures_count_from_the_first_for_a_while(user_pool: Pool) -> None:
    store = PostgresFailureStore(user_pool)
    [one, other] = keys(2)
    assert await store.find([one, other], NOW) == {}
    first = await store.add([one], NOW, NOW + WINDOW)
    assert first == {one: Failures(1, NOW + WINDOW)}
    later = NOW + timedelta(seconds=60)
    second = await store.add([one, other], later, later + WINDOW)
    assert second == {one: Failures(2, NOW + WINDOW), other: Failures(1, later + WINDOW)}
    assert await store.find([one, other], later) == second

    over = NOW + WINDOW
    assert await store.find([one, other], over) == {other: second[other]}
    assert await store.add([one], over, over + WINDOW) == {one: Failures(1, over + WINDOW)}
    await store.clear(one)
    assert await store.find([one], over) == {}


async def test_those_at_the_same_time_all_count(user_pool: Pool) -> None:
    store = PostgresFailureStore(user_pool)
    [one, other] = keys(2)
    pairs = [[one, other], [other, one]] * 10
    found = await asyncio.gather(*(store.add(pair, NOW, NOW + WINDOW) for pair in pairs))
    assert sorted(each[one].count for each in found) == list(range(1, 21))


async def test_what_counts_no_more_is_deleted(user_pool: Pool) -> None:
    store = PostgresFailureStore(user_pool)
    [old, *some], [new] = keys(3), keys(1)
    await store.add([old, *some], NOW - WINDOW, NOW)
    await store.add([new], NOW, NOW + WINDOW)
    assert await store.delete_expired(NOW) >= 3
    before = NOW - timedelta(seconds=1)
    assert list(await store.find([old, *some, new], before)) == [new]
