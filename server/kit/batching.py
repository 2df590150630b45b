"""Does for many callers at once what each would do alone.

A statement, or a call of a neighbour, costs its process more than the rows in it: sockets,
wake-ups, a connection fetched and given back. So whoever comes while one is under way shares the
next. Whoever comes alone waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

Work = Callable[[Sequence[Job]], Awaitable[Sequence[Result | Exception]]]
"""Does all jobs and gives the result of each, in their order; what it raises is for all of them."""


class Batcher(Generic[Job, Result]):
    """`work`, one call at a time, each for up to `size_max` jobs that have come meanwhile.

    The work is nobody's alone, so it runs in an empty context: without the deadline and the request
    id of whichever caller came first.
    """

    def __init__(self, work: Work[Job, Result], size_max: int) -> None:
        self._work = work
        self._size_max = size_max
        self._waiting: list[tuple[Job, asyncio.Future[Result]]] = []
        self._working: asyncio.Task[None] | None = None

    async def do(self, job: Job) -> Result:
        """The result of `job`. A caller that hangs up leaves alone what others wait for."""
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
                batch = self._waiting[: self._size_max]
                del self._waiting[: self._size_max]
                if wanted := [(job, result) for job, result in batch if not result.done()]:
                    await self._work_for(wanted)
        finally:
            self._abandon()

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
