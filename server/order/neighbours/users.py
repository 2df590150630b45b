"""Calls the user service, and caches its answers for a few seconds.

Readers of orders ask for the same few users repeatedly, and a call costs more than the read of the
order that it is made for. What is asked for while a call is under way shares the next one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import emporium
from emporium.deadline import time_left
from emporium.resources.users import BATCH_GET_MAX
from server.kit import errors
from server.kit.loader import Loader
from server.order.neighbours import Buyer, BuyerNotFound

_KEEP_MAX = 10_000

# One call with its retries. It is short, because our callers retry too.
_CALL_SECONDS = 1.0
# For the answer: longer than the call under way and the next one take, so that a call ends first
# and reports that the user service is unreachable. Only a caller's shorter deadline ends sooner.
_WAIT_SECONDS = 3.0

# For how long a failed user service is not called again. The edge and the caller each retry several
# times, and would otherwise wait for a whole call each time.
_RETRY_AFTER_SECONDS = 1.0

# It is unreachable, too slow, overloaded, of a version without the rpc, or does not accept our
# token: none of it is the caller's fault.
_AWAY = (
    emporium.Unavailable,
    emporium.DeadlineExceeded,
    emporium.RateLimited,
    emporium.Cancelled,
    emporium.Unimplemented,
    emporium.Unauthenticated,
    emporium.PermissionDenied,
)

Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, Buyer]]]
"""Returns those of the users that exist, by id. Raises `Unavailable` when the call fails."""


class UserDirectory:
    """`Users`, through Emporium's own client."""

    def __init__(
        self, ask: Ask, keep_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._away_until = 0.0  # by the clock
        self._loader = Loader(
            self._load,
            batch_max=BATCH_GET_MAX,
            keep_seconds=keep_seconds,
            keep_max=_KEEP_MAX,
            clock=clock,
        )

    async def get(self, user_id: str) -> Buyer:
        async with asyncio.timeout(time_left(_WAIT_SECONDS)):
            buyer = await self._loader.get(user_id)
        if buyer is None:
            raise BuyerNotFound("no such user")
        return buyer

    async def get_many(self, user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        async with asyncio.timeout(time_left(_WAIT_SECONDS)):
            found = await self._loader.get_many(user_ids)
        return {buyer.id: buyer for buyer in found if buyer is not None}

    async def close(self) -> None:
        """Ends the call under way, which has no waiters any more."""
        await self._loader.close()

    async def _load(self, user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        if self._away_until > self._clock():
            raise _unavailable()
        try:
            return await self._ask(user_ids)
        except errors.Unavailable:
            self._away_until = self._clock() + _RETRY_AFTER_SECONDS
            raise


def _unavailable() -> errors.Unavailable:
    return errors.Unavailable(
        "the user service cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
    )


@asynccontextmanager
async def user_directory(
    shop: emporium.Emporium, keep_seconds: float
) -> AsyncIterator[UserDirectory]:
    """A directory over `shop`, closed when the block ends."""

    async def ask(user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        try:
            users = await shop.users.batch_get(user_ids, timeout_seconds=_CALL_SECONDS)
        except _AWAY as error:
            raise _unavailable() from error
        return {
            user.id: Buyer(user.id, user.email, user.full_name, user.email_verified)
            for user in users
        }

    directory = UserDirectory(ask, keep_seconds)
    try:
        yield directory
    finally:
        await directory.close()
