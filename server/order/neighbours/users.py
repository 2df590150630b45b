"""Asks the user service, and remembers the answer for a few seconds.

Whoever looks at a list of orders asks for the same few people again and again: a call costs more
than the order it is asked for. Callers that ask at once for the same person share one call.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import emporium
from emporium.deadline import deadline_at, time_left
from server.kit import errors
from server.order.neighbours import Buyer, BuyerNotFound

_SIZE_MAX = 10_000

# One call with its repeats. Whoever asks us for a user repeats that too, so this is short.
_CALL_SECONDS = 1.0
# For the answer of such a call: longer than it takes, so that it is the call that ends, and says
# that the user service is away. Only a caller with less time than that gives up sooner.
_WAIT_SECONDS = 2.0

# For how long a user service that was away is taken to be so still. The edge and the caller each
# try again at once, several times over, and would otherwise wait for the whole call each time.
_RETRY_AFTER_SECONDS = 1.0

# How it shows that the user service is away, too slow, or too busy.
_AWAY = (
    emporium.Unavailable,
    emporium.DeadlineExceeded,
    emporium.RateLimited,
    emporium.Cancelled,
)


class _Remembered(NamedTuple):
    buyer: Buyer
    until: float  # by the directory's clock


class UserDirectory:
    """`Users`, through Emporium's own client."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Buyer]],
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._remembered: dict[str, _Remembered] = {}  # oldest first
        self._asking: dict[str, asyncio.Task[Buyer]] = {}
        self._away_until = 0.0  # by the clock

    async def get(self, user_id: str) -> Buyer:
        known = self._remembered.get(user_id)
        if known and known.until > self._clock():
            return known.buyer
        if self._away_until > self._clock():
            raise _unavailable()
        task = self._asking.get(user_id) or self._start(user_id)
        # One caller that hangs up must not take the answer from the others who wait for it.
        async with asyncio.timeout(time_left(_WAIT_SECONDS)):
            return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends the calls that nobody waits for any more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, user_id: str) -> asyncio.Task[Buyer]:
        task = asyncio.create_task(self._fetch(user_id))
        self._asking[user_id] = task
        task.add_done_callback(lambda done: self._finish(user_id, done))
        return task

    async def _fetch(self, user_id: str) -> Buyer:
        # The call is for whoever asks, so it has a deadline of its own.
        deadline_at.set(None)
        return await self._ask(user_id)

    def _finish(self, user_id: str, done: asyncio.Task[Buyer]) -> None:
        del self._asking[user_id]
        if done.cancelled():
            return
        if error := done.exception():
            if isinstance(error, errors.Unavailable):
                self._away_until = self._clock() + _RETRY_AFTER_SECONDS
            return
        self._remembered.pop(user_id, None)
        if len(self._remembered) >= _SIZE_MAX:
            del self._remembered[next(iter(self._remembered))]
        until = self._clock() + self._keep_seconds
        self._remembered[user_id] = _Remembered(done.result(), until)


def _unavailable() -> errors.Unavailable:
    return errors.Unavailable(
        "the user service cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
    )


@asynccontextmanager
async def user_directory(
    shop: emporium.Emporium, keep_seconds: float
) -> AsyncIterator[UserDirectory]:
    """A directory over `shop`, closed when the block ends."""

    async def ask(user_id: str) -> Buyer:
        try:
            user = await shop.users.get(user_id, timeout_seconds=_CALL_SECONDS)
        except emporium.NotFound as error:
            raise BuyerNotFound(f"user {user_id} does not exist") from error
        except _AWAY as error:
            raise _unavailable() from error
        return Buyer(user.id, user.email, user.full_name)

    directory = UserDirectory(ask, keep_seconds)
    try:
        yield directory
    finally:
        await directory.close()
