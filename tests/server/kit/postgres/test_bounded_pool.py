"""Borrowing: cheap, bounded, and never of a connection that is no good."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from server.kit.postgres import connected
from server.kit.postgres.bounded_pool import BoundedPool, Pool
from server.settings import Postgres

_PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def pool(scratch: Postgres) -> AsyncIterator[BoundedPool]:
    settings = replace(scratch, pool_size_min=1, pool_size_max=3)
    async with connected(settings) as pool:
        assert isinstance(pool, BoundedPool)
        yield pool


async def test_the_one_that_came_back_last_is_lent_first(pool: BoundedPool) -> None:
    async with pool.acquire() as one, pool.acquire() as other:
        first, second = await one.fetchval(_PID), await other.fetchval(_PID)
    assert first != second
    assert await pool.fetchval(_PID) == first  # which left its block last
    assert await pool.fetchval(_PID) == first


async def test_more_callers_than_connections_take_turns(pool: BoundedPool) -> None:
    pids = await asyncio.gather(*(pool.fetchval(_PID) for _ in range(30)))
    assert len(set(pids)) <= 3


async def test_a_connection_that_died_while_nobody_had_it_is_not_lent(pool: BoundedPool) -> None:
    async with pool.acquire() as killer:
        async with pool.acquire() as victim:
            pid = await victim.fetchval(_PID)
        ended = asyncio.Event()
        victim.add_termination_listener(lambda connection: ended.set())
        await killer.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.wait_for(ended.wait(), 10)
        async with pool.acquire() as another:  # it would be the next
            assert await another.fetchval(_PID) != pid


async def test_one_that_met_an_error_is_fit_to_be_lent_again(pool: BoundedPool) -> None:
    async def fail_within_a_transaction() -> None:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT 1/0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await fail_within_a_transaction()
    for _ in range(3):
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()


async def test_a_caller_who_gives_up_leaves_his_place_to_others(pool: BoundedPool) -> None:
    for _ in range(10):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.execute("SELECT pg_sleep(60)"), 0.01)
    pids = await asyncio.gather(*(pool.fetchval(_PID) for _ in range(9)))
    assert len(pids) == 9


async def test_those_who_wait_in_vain_leave_their_place(pool: BoundedPool) -> None:
    async with pool.acquire(), pool.acquire(), pool.acquire():
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with pool.acquire(timeout=0.01):
                    raise AssertionError("there is none left")
    await asyncio.gather(*(pool.fetchval(_PID) for _ in range(9)))


async def test_the_end_waits_for_what_is_lent_and_no_longer(scratch: Postgres) -> None:
    lent, ending = asyncio.Event(), asyncio.Event()

    async def borrow(pool: Pool) -> int:
        async with pool.acquire() as connection:
            lent.set()
            await ending.wait()
            answer: int = await connection.fetchval("SELECT 7")
            return answer

    async with asyncio.timeout(4):  # the pool is cut off after 5 s
        async with connected(scratch) as pool:
            borrowing = asyncio.create_task(borrow(pool))
            await lent.wait()
            asyncio.get_running_loop().call_soon(ending.set)
        assert await borrowing == 7
