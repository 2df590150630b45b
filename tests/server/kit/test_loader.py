"""One read for all that is asked for meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from server.kit.loader import Loader


class Shelf:
    """Holds what was put on it, returns it when it may answer, and records the calls."""

    def __init__(self) -> None:
        self.holds = {key: key.upper() for key in "abcdef"}
        self.calls: list[list[str]] = []
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def load(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.calls.append(list(keys))
        self.is_asked.set()
        await self.may_answer.wait()
        if "broken" in keys:
            raise LookupError("the shelf is broken")
        return {key: self.holds[key] for key in keys if key in self.holds}


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def begun(loader: Loader[str, str], *keys: str) -> list[asyncio.Task[str | None]]:
    """Callers who have asked."""
    tasks = [asyncio.create_task(loader.get(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_those_who_ask_at_once_share_one_call_that_names_each_key_once(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=10)
    found = await asyncio.gather(*(loader.get(key) for key in ("a", "b", "a", "missing", "b")))
    assert found == ["A", "B", "A", None, "B"]
    assert shelf.calls == [["a", "b", "missing"]]


async def test_a_call_names_no_more_keys_than_it_may(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=2)
    await asyncio.gather(*(loader.get(key) for key in "abcde"))
    assert shelf.calls == [["a", "b"], ["c", "d"], ["e"]]


async def test_an_answer_is_no_older_than_its_question(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=10)
    shelf.may_answer.clear()
    early = asyncio.create_task(loader.get("a"))
    await shelf.is_asked.wait()
    late = await begun(loader, "a", "b", "c")
    assert shelf.calls == [["a"]]  # one call at a time
    shelf.may_answer.set()
    assert [await early, *await asyncio.gather(*late)] == ["A", "A", "B", "C"]
    assert shelf.calls == [["a"], ["a", "b", "c"]]


async def test_a_failure_is_for_those_whose_keys_were_asked_for(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=2)
    outcomes = await asyncio.gather(
        *(loader.get(key) for key in ("a", "broken", "c")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [LookupError, LookupError, str]


async def test_a_caller_that_hangs_up_takes_nothing_from_the_others(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=10)
    shelf.may_answer.clear()
    cancelled, same = await begun(loader, "a", "a")
    waiting, other = await begun(loader, "b", "c")
    cancelled.cancel()
    waiting.cancel()
    shelf.may_answer.set()
    assert [await same, await other] == ["A", "C"]
    assert shelf.calls == [["a"], ["c"]]  # what nobody waits for any more is not asked for


async def test_what_was_found_is_kept_for_so_long_and_what_is_missing_is_not(
    shelf: Shelf, clock: Clock
) -> None:
    loader = Loader(shelf.load, batch_max=10, keep_seconds=5.0, clock=clock)
    await asyncio.gather(loader.get("a"), loader.get("missing"))
    clock.now = 104.9
    assert [await loader.get("a"), await loader.get("missing")] == ["A", None]
    assert shelf.calls == [["a", "missing"], ["missing"]]
    clock.now = 105.0
    assert await loader.get("a") == "A"
    assert shelf.calls[2:] == [["a"]]


async def test_nothing_is_kept_unless_asked_for(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=10)
    await loader.get("a")
    shelf.holds["a"] = "changed"
    assert await loader.get("a") == "changed"


async def test_no_more_is_kept_than_there_is_room_for(shelf: Shelf, clock: Clock) -> None:
    loader = Loader(shelf.load, batch_max=10, keep_seconds=5.0, keep_max=2, clock=clock)
    for key in ("a", "b", "c", "c", "b", "a"):
        await loader.get(key)
    assert shelf.calls == [["a"], ["b"], ["c"], ["a"]]


async def test_what_the_call_before_has_found_is_not_asked_for_again_nor_lost_by_a_failure(
    shelf: Shelf, clock: Clock
) -> None:
    loader = Loader(shelf.load, batch_max=10, keep_seconds=5.0, clock=clock)
    shelf.may_answer.clear()
    first = await begun(loader, "a")
    second = await begun(loader, "a", "broken")
    shelf.may_answer.set()
    outcomes = await asyncio.gather(*first, *second, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["A", "A", "the shelf is broken"]
    assert shelf.calls == [["a"], ["broken"]]


async def test_there_is_no_call_when_the_one_before_has_found_it_all(
    shelf: Shelf, clock: Clock
) -> None:
    loader = Loader(shelf.load, batch_max=10, keep_seconds=5.0, clock=clock)
    shelf.may_answer.clear()
    first = await begun(loader, "a")
    second = await begun(loader, "a", "a")
    shelf.may_answer.set()
    assert await asyncio.gather(*first, *second) == ["A", "A", "A"]
    assert shelf.calls == [["a"]]


async def test_closing_cancels_the_call_under_way(shelf: Shelf) -> None:
    loader = Loader(shelf.load, batch_max=10)
    shelf.may_answer.clear()
    [waiting] = await begun(loader, "a")
    await loader.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
