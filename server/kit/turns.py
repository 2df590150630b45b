"""Long work on the event loop, a turn at a time, so that other calls run in between.

A conversion is plain code that nobody else runs beside. One of 100 rows is over before anybody has
noticed; of 2,000 lines it takes some 30 ms, and everybody else's call takes as much longer.

All long work of a process shares one queue, and after each turn the loop rests from it for as long
as the turn took. Otherwise a hundred long answers at once would each take a turn in every round of
the loop, and a short call waits for some ten rounds: grpc.aio alone takes two to accept it, one
call after the other.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

TURN = 200
"""How many small things, such as rows or lines, are converted before others get their turn.

About 1 ms (two cores of an AMD EPYC, November 2026).
"""

_REST_SECONDS_MAX = 0.02  # after a turn; a rest is otherwise as long as the turn was

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def _one(thing: object) -> int:
    return 1


async def in_turns(
    things: Sequence[Thing],
    convert: Callable[[Thing], Result],
    weigh: Callable[[Thing], int] = _one,
) -> list[Result]:
    """What `convert` makes of each of `things`, in their order, at most `TURN` of them a turn.

    `weigh` tells how many small things one of them stands for; one that is heavier than a turn has
    a turn to itself.
    """
    results: list[Result] = []
    weights = [weigh(thing) for thing in things]
    # What is over within a turn needs nobody's leave.
    done = TURN if sum(weights) > TURN else 0
    for thing, weight in zip(things, weights, strict=True):
        if done and done + weight > TURN:
            await next_turn()
            done = 0
        results.append(convert(thing))
        done += weight
    return results


async def turns(things: Sequence[Thing]) -> AsyncIterator[Sequence[Thing]]:
    """`things` in their order, as many at a time as fit into a turn, each when it is their turn.

    For work that does not only convert: a statement decodes all of its rows in one piece.
    """
    for first in range(0, len(things), TURN):
        if first:
            await next_turn()
        yield things[first : first + TURN]


async def give_way(weight: int) -> None:
    """Lets others have their turn, after work on so many small things that it was one."""
    if weight >= TURN:
        await next_turn()


async def next_turn() -> None:
    """Returns when it is the turn of whoever has waited longest: the caller's, if nobody else."""
    loop = asyncio.get_running_loop()
    queue = _queues.get(loop)
    if queue is None:
        queue = _queues[loop] = _Queue()
    await queue.join(loop)


class _Queue:
    """Hands out the turns of one event loop, first come first served."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_running = False

    def join(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._give, loop)
        return turn

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and self._waiting[0].done():  # has given up
            del self._waiting[0]
        if not self._waiting:
            self._is_running = False
            return
        self._waiting.popleft().set_result(None)
        # It is woken in the next round of the loop, and has had its turn in the one after that.
        loop.call_soon(loop.call_soon, self._rest, loop, time.monotonic())

    def _rest(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        took = time.monotonic() - began
        loop.call_later(min(took, _REST_SECONDS_MAX), self._give, loop)


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
