"""What a call passes on to the calls that it makes: its deadline and its request id.

The server kit sets both variables when it begins to serve a call, and the client reads them
whenever it makes one. So a chain of services shares one deadline and one request id without
passing them explicitly. Tasks inherit both, as they inherit every context variable; one that is to
outlive the call sets `deadline_at` to None before it calls anybody.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

deadline_at: ContextVar[float | None] = ContextVar("emporium_deadline_at", default=None)
"""The moment by which everything must be done, in seconds of `time.monotonic()`, which is also the
clock of asyncio's and uvloop's loops. None: each call has only its own timeout."""

request_id: ContextVar[str | None] = ContextVar("emporium_request_id", default=None)
"""The id of this work in the logs of every service, sent as `x-request-id`.
None: the client makes one for each call."""


def time_left(timeout_seconds: float) -> float:
    """The seconds that a call may take: its own timeout, or what is left when that is less.

    Zero or negative when the deadline has passed.
    """
    at = deadline_at.get()
    return timeout_seconds if at is None else min(timeout_seconds, at - time.monotonic())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Gives all calls inside the block one deadline, `seconds` from now.

    It never lengthens a deadline that is there already.
    """
    before = deadline_at.set(time.monotonic() + time_left(seconds))
    try:
        yield
    finally:
        deadline_at.reset(before)
