"""Does for many callers at once what each would do alone.

A statement, or a call of a neighbour, costs its process more than the rows in it: sockets,
wake-ups, a connection fetched and given back. So whoever comes while one is under way shares the
next. Whoever comes alone waits for nobody.

How much is done together is bounded by weight as well as by number, because one job may be a
thousand times another. A heavy job saves next to nothing in company, and would have the light ones
wait; so it is done beside them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

Work = Callable[[Sequence[Job]], Awaitable[Sequence[Result | Exception]]]
"""Does all jobs and gives the result of each, in their order; what it raises is for all of them."""


def _one(job: object) -> int:
    return 1


class Batcher(Generic[Job, Result]):
    """`work`, one call at a time, each for up to `size_max` jobs that have come meanwhile.

    They weigh `weight_max` at most, by `weigh`; without `weigh` each weighs one. A job that weighs
    more than `heavy` waits for no others, and they do not for it: it is done alone and at once, in
    its caller's context. Without `heavy`, one beyond `weight_max` has a turn to itself.

    The work is nobody's alone, so it runs in an empty context: without the deadline and the request
    id of whichever caller came first.
    """

    def __init__(
        self,
        work: Work[Job, Result],
        size_max: int,
        weigh: Callable[[Job], int] = _one,
        weight_max: int | None = None,
        heavy: int | None = None,
    ) -> None:
        self._work = work
        self._size_max = size_max
        self._weigh = weigh
        self._weight_max = size_max if weight_max is None else weight_max
        self._heavy = heavy
        self._waiting: list[tuple[Job, asyncio.Future[Result]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, job: Job) -> Result:
        """The result of `job`. A caller that hangs up leaves alone what others wait for."""
        if self._heavy is not None and self._weigh(job) > self._heavy:
            (done,) = await self._work([job])
            if isinstance(done, Exception):
                raise done
            return done
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, result))
        if self._working is None:
            self._working = asyncio.create_task(self._work_on(), context=Context())
        return await result

    async def close(self) -> None:
        """Cancels the work under way, and whoever waits for it or for the next."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait((self._working,))
            self._abandon()  # work that was cancelled before it began has not done so

    async def _work_on(self) -> None:
        try:
            while self._waiting:
                size = self._size()
                batch = self._waiting[:size]
                del self._waiting[:size]
                if wanted := [(job, result) for job, result in batch if not result.done()]:
                    await self._work_for(wanted)
        finally:
            self._abandon()

    def _size(self) -> int:
        """How many of those who wait are next: one at least."""
        weight = 0
        for size, (job, _) in enumerate(self._waiting[: self._size_max]):
            weight += self._weigh(job)
            if size and weight > self._weight_max:
                return size
        return self._size_max

    def _abandon(self) -> None:
        """Whatever has ended the work, the next caller begins anew and nobody waits in vain."""
        self._working = None
        for _, result in self._waiting:
            result.cancel()
        self._waiting.clear()

    async def _work_for(self, wanted: Sequence[tuple[Job, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([job for job, _ in wanted])
            for (_, waiting), result in zip(wanted, results, strict=True):
                _settle(waiting, result)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            for _, waiting in wanted:
                _settle(waiting, error)
        finally:
            # Still unsettled only when the work was cancelled.
            for _, waiting in wanted:
                waiting.cancel()


def _settle(waiting: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if waiting.done():  # the caller has hung up
        return
    if isinstance(result, Exception):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)
