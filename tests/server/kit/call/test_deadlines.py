"""Each call ends in time, and only those that are due."""

import asyncio

import pytest

from server.kit.call.deadlines import Deadlines


async def test_what_takes_too_long_is_cancelled_and_told_so() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(TimeoutError), deadlines.bound():
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(0.01)
    with deadlines.bound():
        await asyncio.sleep(0)
    late = Deadlines(0.03)
    with pytest.raises(TimeoutError), late.bound():
        await asyncio.Event().wait()  # the first one's deadline passes meanwhile


async def test_each_ends_when_it_is_due_itself() -> None:
    deadlines = Deadlines(0.02)
    ended: list[int] = []

    async def call(number: int) -> None:
        with pytest.raises(TimeoutError), deadlines.bound():
            await asyncio.Event().wait()
        ended.append(number)

    calls = [asyncio.create_task(call(1))]
    await asyncio.sleep(0.005)  # so that they are due one after the other
    calls.append(asyncio.create_task(call(2)))
    await asyncio.wait(calls, timeout=5)
    assert ended == [1, 2]


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    deadlines = Deadlines(60)

    async def call() -> None:
        with deadlines.bound():
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_elsewhere_counts_more_than_the_deadline() -> None:
    deadlines = Deadlines(0.01)

    async def call() -> None:
        with deadlines.bound():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()  # while it ends because of the deadline
                await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(call())


async def test_a_block_that_fails_by_itself_fails_as_it_does() -> None:
    deadlines = Deadlines(60)
    with pytest.raises(ZeroDivisionError), deadlines.bound():
        raise ZeroDivisionError
