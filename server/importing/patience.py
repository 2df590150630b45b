"""Which failures pass, and how to wait for that.

Every call of an import may be repeated, because each says the same under the same key. A call that
was given up may have been carried out all the same; its repeat then gets the first answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from emporium import Cancelled, Conflict, DeadlineExceeded, EmporiumError, RateLimited, Unavailable
from server.kit.backoff import Backoff

PATIENCE_SECONDS = 60.0

T = TypeVar("T")

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)


class OutOfPatience(Exception):
    """A service was away for longer than anybody should wait. The last failure is its cause."""


async def patiently(
    call: Callable[[], Awaitable[T]], patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """What `call` gives, called again for as long as its failures pass.

    Raises `OutOfPatience` when they have not passed within `patience_seconds`, and at once
    whatever error does not pass.
    """
    retries = _BACKOFF.retries(patience_seconds)
    while True:
        try:
            return await call()
        except EmporiumError as error:
            if not passes(error):
                raise
            delay = retries.failed(at_least_seconds=error.retry_after_seconds or 0.0)
            if delay is None:
                raise OutOfPatience(str(error)) from error
        await asyncio.sleep(delay)


def passes(error: EmporiumError) -> bool:
    """Whether the same call may succeed a little later."""
    if isinstance(error, Conflict):
        return error.reason == "CONFLICT"  # two changes met; any other conflict stays one
    return isinstance(error, Unavailable | DeadlineExceeded | RateLimited | Cancelled)
