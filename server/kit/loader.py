"""Reads by key, for many callers at once: of a neighbour, or of the service's own store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from server.kit.batching import Batcher

Key = TypeVar("Key")
Value = TypeVar("Value")

Load = Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]]
"""Reads what there is of the keys, each of which is named once; what is missing is left out."""


class _Kept(NamedTuple, Generic[Value]):
    value: Value
    until: float  # by the loader's clock


class Loader(Generic[Key, Value]):
    """`load`, one call at a time, each for all that was asked for meanwhile.

    A question that comes while a call is under way waits for the next call, so that no answer is
    older than its question. But with `keep_seconds` a value that was found is given again for that
    long, up to `keep_max` of them.
    """

    def __init__(
        self,
        load: Load[Key, Value],
        *,
        batch_max: int,
        keep_seconds: float = 0.0,
        keep_max: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._keep_seconds = keep_seconds
        self._keep_max = keep_max
        self._clock = clock
        self._kept: dict[Key, _Kept[Value]] = {}  # oldest first
        self._batcher: Batcher[Key, Value | None] = Batcher(self._load_batch, batch_max)

    async def get(self, key: Key) -> Value | None:
        """What `key` stands for, or None. What `load` raises is for all whose keys it was given.

        A caller that hangs up takes nothing from the others.
        """
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._clock():
            return kept.value
        return await self._batcher.do(key)

    async def get_many(self, keys: Sequence[Key]) -> Sequence[Value | None]:
        """What each of `keys` stands for, or None; asked for together. Raises as `get` does."""
        asked = [asyncio.ensure_future(self.get(key)) for key in keys]
        try:
            return await asyncio.gather(*asked)
        finally:
            for each in asked:
                each.cancel()

    async def close(self) -> None:
        """Cancels the call under way, and whoever waits for it or for the next."""
        await self._batcher.close()

    async def _load_batch(self, keys: Sequence[Key]) -> Sequence[Value | Exception | None]:
        # The call before may have found what was asked for meanwhile.
        now = self._clock()
        known = {
            key: kept.value for key in keys if (kept := self._kept.get(key)) and kept.until > now
        }
        wanted = [key for key in dict.fromkeys(keys) if key not in known]
        if not wanted:
            return [known[key] for key in keys]
        try:
            found = await self._load(wanted)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for what was to be read
            return [known.get(key, error) for key in keys]
        if self._keep_seconds:
            self._keep(found)
        return [known[key] if key in known else found.get(key) for key in keys]

    def _keep(self, found: Mapping[Key, Value]) -> None:
        until = self._clock() + self._keep_seconds
        for key, value in found.items():
            self._kept.pop(key, None)
            if len(self._kept) >= self._keep_max:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(value, until)
