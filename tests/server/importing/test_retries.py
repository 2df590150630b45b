"""Which failures are retried."""

import pytest

from emporium import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    EmporiumError,
    RateLimited,
    Unavailable,
)
from server.importing.retries import RetriesExhausted, retried


class Flaky:
    """Fails with each of `failures` in turn, then answers."""

    def __init__(self, *failures: EmporiumError) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("away"),
        DeadlineExceeded("slow"),
        Cancelled("going down"),
        RateLimited("later", retry_after_seconds=0.01),
        Conflict("two changes met", reason="CONFLICT"),
    ],
)
async def test_a_transient_failure_is_retried(failure: EmporiumError) -> None:
    call = Flaky(failure, failure)
    assert await retried(call) == "answer"
    assert call.calls == 3


@pytest.mark.parametrize(
    "failure", [AlreadyExists("taken"), Conflict("sent off", reason="ORDER_NOT_PENDING")]
)
async def test_a_permanent_failure_is_raised_at_once(failure: EmporiumError) -> None:
    call = Flaky(failure)
    with pytest.raises(type(failure)):
        await retried(call)
    assert call.calls == 1


async def test_retries_end_after_the_timeout() -> None:
    call = Flaky(*[Unavailable("away")] * 100)
    with pytest.raises(RetriesExhausted, match="away"):
        await retried(call, timeout_seconds=0.3)
    assert call.calls > 1


async def test_a_longer_wait_that_a_service_asks_for_does_not_extend_the_timeout() -> None:
    with pytest.raises(RetriesExhausted):
        await retried(Flaky(RateLimited("later", retry_after_seconds=90)), timeout_seconds=1)
