"""One piece of work for all who come meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest

from emporium.deadline import deadline_at, within
from server.kit.batching import Batcher


class Slow:
    """Works until it may end, and records its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_end = asyncio.Event()

    async def work(self, jobs: Sequence[str]) -> Sequence[str | Exception]:
        self.batches.append(list(jobs))
        await self.may_end.wait()
        if "all broken" in jobs:
            raise LookupError("all broken")
        if "cut off" in jobs:
            raise asyncio.CancelledError
        if "too few" in jobs:
            return []
        return [LookupError(job) if job == "broken" else job.upper() for job in jobs]


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def batcher(slow: Slow) -> Batcher[str, str]:
    return Batcher(slow.work, size_max=3)


async def started(batcher: Batcher[str, str], *jobs: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(batcher.do(job)) for job in jobs]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_whoever_comes_during_the_work_shares_the_next(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    first = await started(batcher, "a")
    others = await started(batcher, "b", "c", "d", "e")
    slow.may_end.set()
    assert await asyncio.gather(*first, *others) == ["A", "B", "C", "D", "E"]
    assert slow.batches == [["a"], ["b", "c", "d"], ["e"]]


async def test_what_is_done_together_is_bounded_by_weight(slow: Slow) -> None:
    batcher = Batcher(slow.work, 3, len, 5)
    first = await started(batcher, "a")
    others = await started(batcher, "bb", "ccc", "d", "eeeeeeeee", "f", "g", "h", "i")
    slow.may_end.set()
    await asyncio.gather(*first, *others)
    assert slow.batches == [["a"], ["bb", "ccc"], ["d"], ["eeeeeeeee"], ["f", "g", "h"], ["i"]]


async def test_a_caller_that_hangs_up_takes_nothing_from_the_others(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    [early] = await started(batcher, "a")
    cancelled, waiting = await started(batcher, "b", "c")
    early.cancel()
    cancelled.cancel()
    slow.may_end.set()
    assert await waiting == "C"
    assert slow.batches == [["a"], ["c"]]  # what nobody waits for any more is not begun


async def test_one_error_is_for_one_caller(slow: Slow, batcher: Batcher[str, str]) -> None:
    slow.may_end.set()
    outcomes = await asyncio.gather(
        *(batcher.do(job) for job in ("a", "b", "broken", "c")), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["A", "B", "broken", "C"]
    assert isinstance(outcomes[2], LookupError)


async def test_an_error_of_the_work_is_for_all_of_its_batch_and_for_no_other(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    first = await started(batcher, "a")
    others = await started(batcher, "b", "all broken")
    slow.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["A", "all broken", "all broken"]
    assert await batcher.do("z") == "Z"


async def test_work_that_is_cut_off_leaves_nobody_waiting(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    first = await started(batcher, "cut off")
    others = await started(batcher, "b", "c")
    slow.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3
    assert await batcher.do("z") == "Z"


async def test_work_that_forgets_a_job_fails_for_all_of_its_batch(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    slow.may_end.set()
    with pytest.raises(ValueError, match="zip"):
        await batcher.do("too few")
    assert await batcher.do("z") == "Z"


async def test_nothing_is_begun_when_all_have_hung_up(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    first = await started(batcher, "a")
    for task in await started(batcher, "b", "c"):
        task.cancel()
    slow.may_end.set()
    assert await asyncio.gather(*first) == ["A"]
    assert await batcher.do("z") == "Z"
    assert slow.batches == [["a"], ["z"]]


async def test_the_work_has_no_callers_context(slow: Slow) -> None:
    """Else the deadline of the first caller would end what the others wait for."""
    seen: list[float | None] = []

    async def work(jobs: Sequence[str]) -> Sequence[str | Exception]:
        seen.append(deadline_at.get())
        return jobs

    with within(5.0):
        assert await Batcher(work, size_max=3).do("a") == "a"
    assert seen == [None]


async def test_closing_cancels_the_work_and_all_who_wait(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    first = await started(batcher, "a")
    others = await started(batcher, "b")
    await batcher.close()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    assert slow.batches == [["a"]]


async def test_closing_cancels_work_that_has_not_begun(
    slow: Slow, batcher: Batcher[str, str]
) -> None:
    task = asyncio.create_task(batcher.do("a"))
    await asyncio.sleep(0)
    await batcher.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.batches == []


async def test_a_heavy_job_is_done_beside_the_others(slow: Slow) -> None:
    batcher = Batcher(slow.work, size_max=3, weigh=len, heavy=6)
    tasks = await started(batcher, "a", "heavier", "b", "heaviest")
    assert slow.batches == [["heavier"], ["heaviest"], ["a", "b"]]
    slow.may_end.set()
    assert await asyncio.gather(*tasks) == ["A", "HEAVIER", "B", "HEAVIEST"]


@pytest.mark.parametrize("heavy", [1, 100], ids=["heavy", "light"])
async def test_a_broken_job_fails_alike_in_company_and_alone(slow: Slow, heavy: int) -> None:
    slow.may_end.set()
    batcher = Batcher(slow.work, size_max=3, weigh=len, heavy=heavy)
    with pytest.raises(LookupError, match="broken"):
        await batcher.do("broken")
