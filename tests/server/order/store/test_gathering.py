"""One read for all who ask meanwhile."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from server.order.store.gathering import Gathering


class Slow:
    """Reads when told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.may_answer = asyncio.Event()

    async def read(self, ids: Collection[str]) -> Mapping[str, str]:
        self.asked.append(set(ids))
        await self.may_answer.wait()
        if "broken" in ids:
            raise LookupError("broken")
        return {each: each.upper() for each in ids}


@pytest.fixture
async def slow() -> Slow:
    return Slow()


async def started(gathering: Gathering[str], *asked: str) -> list[asyncio.Task[Mapping[str, str]]]:
    tasks = [asyncio.create_task(gathering.get({each})) for each in asked]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_whoever_asks_during_a_read_shares_the_next(slow: Slow) -> None:
    gathering = Gathering(slow.read)
    first = await started(gathering, "a")
    others = await started(gathering, "b", "c", "b")
    slow.may_answer.set()
    answers = await asyncio.gather(*first, *others)
    assert slow.asked == [{"a"}, {"b", "c"}]
    assert [answer[each] for answer, each in zip(answers, "abcb", strict=True)] == list("ABCB")


async def test_a_caller_that_hangs_up_takes_no_answer_from_the_others(slow: Slow) -> None:
    gathering = Gathering(slow.read)
    impatient, patient = await started(gathering, "a", "b")
    impatient.cancel()
    slow.may_answer.set()
    assert (await patient)["b"] == "B"
    assert impatient.cancelled()


async def test_an_error_reaches_its_own_batch_only(slow: Slow) -> None:
    gathering = Gathering(slow.read)
    slow.may_answer.set()
    with pytest.raises(LookupError):
        await gathering.get({"broken"})
    assert await gathering.get({"a"}) == {"a": "A"}
