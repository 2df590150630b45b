"""One piece of work for all who come meanwhile."""

import asyncio
from collections.abc import Sequence

import pytest

from server.kit.batching import Gathering


class Slow:
    """Works when told to, and remembers what it was given."""

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
async def gathering(slow: Slow) -> Gathering[str, str]:
    return Gathering(slow.work, size_max=3)


async def started(gathering: Gathering[str, str], *jobs: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(gathering.do(job)) for job in jobs]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_whoever_comes_during_the_work_shares_the_next(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    first = await started(gathering, "a")
    others = await started(gathering, "b", "c", "d", "e")
    slow.may_end.set()
    assert await asyncio.gather(*first, *others) == ["A", "B", "C", "D", "E"]
    assert slow.batches == [["a"], ["b", "c", "d"], ["e"]]


async def test_a_caller_that_hangs_up_takes_nothing_from_the_others(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    [early] = await started(gathering, "a")
    impatient, patient = await started(gathering, "b", "c")
    early.cancel()
    impatient.cancel()
    slow.may_end.set()
    assert await patient == "C"
    assert slow.batches == [["a"], ["c"]]  # what nobody waits for any more is not begun


async def test_one_error_is_for_one_caller(slow: Slow, gathering: Gathering[str, str]) -> None:
    slow.may_end.set()
    outcomes = await asyncio.gather(
        *(gathering.do(job) for job in ("a", "b", "broken", "c")), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["A", "B", "broken", "C"]
    assert isinstance(outcomes[2], LookupError)


async def test_an_error_of_the_work_is_for_all_of_its_batch_and_for_no_other(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    first = await started(gathering, "a")
    others = await started(gathering, "b", "all broken")
    slow.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["A", "all broken", "all broken"]
    assert await gathering.do("z") == "Z"


async def test_work_that_is_cut_off_leaves_nobody_waiting(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    first = await started(gathering, "cut off")
    others = await started(gathering, "b", "c")
    slow.may_end.set()
    outcomes = await asyncio.gather(*first, *others, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3
    assert await gathering.do("z") == "Z"


async def test_work_that_forgets_a_job_fails_for_all_of_its_batch(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    slow.may_end.set()
    with pytest.raises(ValueError, match="zip"):
        await gathering.do("too few")
    assert await gathering.do("z") == "Z"


async def test_nothing_is_begun_when_all_have_hung_up(
    slow: Slow, gathering: Gathering[str, str]
) -> None:
    first = await started(gathering, "a")
    for task in await started(gathering, "b", "c"):
        task.cancel()
    slow.may_end.set()
    assert await asyncio.gather(*first) == ["A"]
    assert await gathering.do("z") == "Z"
    assert slow.batches == [["a"], ["z"]]
