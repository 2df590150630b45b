"""Reads for many callers at once.

Under load, a hundred orders ask for their products at the same moment. One statement for all who
asked while the last was under way costs each a tenth of a statement of its own; whoever asks alone
waits for nobody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

Read = Callable[[Collection[str]], Awaitable[Mapping[str, T]]]


class _Batch(Generic[T]):
    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.answer: asyncio.Future[Mapping[str, T]] = asyncio.get_running_loop().create_future()


class Gathering(Generic[T]):
    """`read`, one call at a time, each for all who have asked meanwhile."""

    def __init__(self, read: Read[T]) -> None:
        self._read = read
        self._next: _Batch[T] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def get(self, ids: Collection[str]) -> Mapping[str, T]:
        """What there is of `ids`, and perhaps more; raises what `read` does."""
        batch = self._next
        if batch is None:
            batch = self._next = _Batch()
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_on())
        batch.ids.update(ids)
        # A caller that hangs up must not take the others' answer with it.
        return await asyncio.shield(batch.answer)

    async def _read_on(self) -> None:
        while batch := self._next:
            self._next = None
            try:
                batch.answer.set_result(await self._read(batch.ids))
            except Exception as error:  # noqa: BLE001 - handed to whoever asked
                batch.answer.set_exception(error)
                batch.answer.exception()  # seen, even when nobody waits for it any more
        self._reading = None
