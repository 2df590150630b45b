"""Long work on the event loop, a turn at a time, so that other calls run in between.

A conversion is plain code that nobody else runs beside. One of 100 rows is over before anybody has
noticed; of 2,000 lines it takes some 30 ms, and everybody else's call takes as much longer.

All long work of a process shares one queue. Otherwise a hundred long answers at once would each
take its turn in every round of the loop, and a short call, which needs some ten rounds, would wait
for a thousand turns of others instead of for a few.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

TURN = 200
"""How many small things, such as rows or lines, are converted before others get their turn.

About 1 ms (two cores of an AMD EPYC, November 2026).
"""

ROUNDS = 8
"""How many rounds of the event loop lie between two turns of long work.

In most of them short calls do all that they have to do. A round in which there is nothing to do
takes some 10 us, so that long work, when it is alone, is not much slower for it.
"""

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def _one(thing: object) -> int:
    return 1


async def in_turns(
    things: Iterable[Thing],
    convert: Callable[[Thing], Result],
    weigh: Callable[[Thing], int] = _one,
) -> list[Result]:
    """What `convert` makes of each of `things`, in their order, at most `TURN` of them a turn.

    `weigh` tells how many small things one of them stands for; one that is heavier than a turn has
    a turn to itself.
    """
    results: list[Result] = []
    done = 0
    for thing in things:
        weight = weigh(thing)
        if done and done + weight > TURN:
            await next_turn()
            done = 0
        results.append(convert(thing))
        done += weight
    return results


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
        self._rounds_left = 0
        self._is_running = False

    def join(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._round, loop)
        return turn

    def _round(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once in each round of the loop, for as long as somebody waits or has just had a turn."""
        if self._rounds_left:
            self._rounds_left -= 1
        else:
            while self._waiting and self._waiting[0].done():  # has given up
                self._waiting.popleft()
            if not self._waiting:
                self._is_running = False
                return
            self._waiting.popleft().set_result(None)
            self._rounds_left = ROUNDS
        loop.call_soon(self._round, loop)


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
