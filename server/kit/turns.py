"""Long work on the event loop, a turn at a time, so that other calls run in between.

A conversion is plain code that nobody else runs beside. One of 100 rows is over before anybody has
noticed; of 2,000 lines it takes some 30 ms, and everybody else's call takes as much longer.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

TURN = 200
"""How many small things, such as rows or lines, are converted before others get their turn.

About 1 ms (two cores of an AMD EPYC, November 2026).
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
            await asyncio.sleep(0)
            done = 0
        results.append(convert(thing))
        done += weight
    return results


async def give_way(weight: int) -> None:
    """Lets others have their turn, after work on so many small things that it was one."""
    if weight >= TURN:
        await asyncio.sleep(0)
