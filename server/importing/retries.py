"""Which failures are transient, and the retries after them.

Every call of an import may be repeated, because a repeat has the same key and body. A call that
timed out may have been carried out nevertheless; its repeat then gets the first answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from emporium import Cancelled, Conflict, DeadlineExceeded, EmporiumError, RateLimited, Unavailable
from server.kit.backoff import Backoff

TIMEOUT_SECONDS = 60.0

T = TypeVar("T")

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)


class RetriesExhausted(Exception):
    """A service failed until the time was over. The last failure is the cause."""


async def retried(call: Callable[[], Awaitable[T]], timeout_seconds: float = TIMEOUT_SECONDS) -> T:
    """The result of `call`, which is repeated while its failures are transient.

    Raises `RetriesExhausted` when it still fails after `timeout_seconds`, and any other error at
    once.
    """
    retries = _BACKOFF.retries(timeout_seconds)
    while True:
        try:
            return await call()
        except EmporiumError as error:
            if not is_transient(error):
                raise
            delay = retries.failed(at_least_seconds=error.retry_after_seconds or 0.0)
            if delay is None:
                raise RetriesExhausted(str(error)) from error
        await asyncio.sleep(delay)


def is_transient(error: EmporiumError) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, Conflict):
        return error.reason == "CONFLICT"  # with a concurrent change; other conflicts remain
    return isinstance(error, Unavailable | DeadlineExceeded | RateLimited | Cancelled)
