"""One caller's calls go on two at a time while others call; long ones one, with pauses."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from server.kit import errors
from server.kit.call import admission
from server.kit.call.admission import Admission, Place
from server.kit.shares import sharer


class Time:
    """A clock that is set, and what is due by it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.due.append((self.now + seconds, work))

    async def forward(self, seconds: float) -> None:
        self.now += seconds
        for at, work in list(self.due):
            if at <= self.now:
                self.due.remove((at, work))
                work()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def calls(time: Time) -> Iterator["Calls"]:
    token = sharer.set("")
    yield Calls(Admission(time.clock, time.later))
    sharer.reset(token)


class Calls:
    """Calls by name."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def place(self, name: str) -> Place | None:
        sharer.set(name)
        return self._admission.place()

    def call(self, name: str) -> "Call":
        place = self.place(name)
        assert place is not None
        return Call(place)


class Call:
    """A call that has arrived, and goes on once it has its place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.task = asyncio.create_task(place.take())

    @property
    def goes_on(self) -> bool:
        return self.task.done() and not self.task.cancelled() and not self.task.exception()

    def ends(self) -> None:
        self._place.leave()


async def test_who_is_alone_needs_no_place(calls: Calls, time: Time) -> None:
    assert [calls.place("alone") for _ in range(10)] == [None] * 10
    assert calls.place("other") is not None
    assert calls.place("alone") is not None
    await time.forward(1.0)
    assert calls.place("alone") is None


async def test_what_is_nobodys_needs_no_place(calls: Calls) -> None:
    calls.place("other")
    assert calls.place("") is None


async def test_two_of_one_caller_go_on_and_others_do_not_wait(calls: Calls, time: Time) -> None:
    calls.place("modest")
    crowd = [calls.call("greedy") for _ in range(4)]
    modest = calls.call("modest")
    await time.forward(0)
    assert [each.goes_on for each in crowd] == [True, True, False, False]
    assert modest.goes_on
    crowd[0].ends()
    await time.forward(0)
    assert [each.goes_on for each in crowd] == [True, True, True, False]
    crowd[3].task.cancel()


async def test_a_long_call_leaves_a_pause_as_long_as_it_was(calls: Calls, time: Time) -> None:
    calls.place("modest")
    crowd = [calls.call("greedy") for _ in range(3)]
    await time.forward(0)
    crowd[1].ends()
    await time.forward(0.080)
    crowd[0].ends()
    await time.forward(0.079)
    waiting = calls.call("greedy")
    await time.forward(0)
    assert crowd[2].goes_on
    assert not waiting.goes_on
    crowd[2].ends()
    await time.forward(0.002)
    assert not waiting.goes_on
    await time.forward(0.079)
    assert waiting.goes_on


async def test_whose_calls_are_long_makes_one_at_a_time(calls: Calls, time: Time) -> None:
    calls.place("modest")
    crowd = [calls.call("greedy") for _ in range(5)]
    await time.forward(0.080)
    crowd[0].ends()
    await time.forward(0.080)
    assert [each.goes_on for each in crowd] == [True, True, False, False, False]
    crowd[1].ends()
    await time.forward(0.160)
    assert [each.goes_on for each in crowd] == [True, True, True, False, False]
    for done in crowd[2:]:
        done.ends()
        await time.forward(0.500)
    # Who has nothing under way any more begins anew.
    calls.place("modest")
    again = [calls.call("greedy") for _ in range(3)]
    await time.forward(0)
    assert [each.goes_on for each in again] == [True, True, False]
    again[2].task.cancel()


async def test_a_pause_has_an_end(calls: Calls, time: Time) -> None:
    calls.place("modest")
    first = calls.call("greedy")
    await time.forward(9.0)
    first.ends()
    calls.place("modest")
    again = [calls.call("greedy") for _ in range(2)]
    await time.forward(0.5)
    assert again[1].goes_on


async def test_who_waits_too_long_is_told(
    calls: Calls, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_WAIT_SECONDS_MAX", 0)
    calls.place("modest")
    crowd = [calls.call("greedy") for _ in range(3)]
    with pytest.raises(errors.RateLimited, match="make fewer at a time") as told:
        await crowd[2].task
    assert told.value.retry_after_seconds == 1.0
    crowd[0].ends()
    after = calls.call("greedy")
    await time.forward(0)
    assert after.goes_on  # no place was lost
