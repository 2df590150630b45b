"""Which failures are waited out."""

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
from server.importing.patience import OutOfPatience, patiently


class Flaky:
    """Fails as told, then answers."""

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
async def test_what_passes_is_tried_again(failure: EmporiumError) -> None:
    call = Flaky(failure, failure)
    assert await patiently(call) == "answer"
    assert call.calls == 3


@pytest.mark.parametrize(
    "failure", [AlreadyExists("taken"), Conflict("sent off", reason="ORDER_NOT_PENDING")]
)
async def test_what_does_not_pass_is_told_at_once(failure: EmporiumError) -> None:
    call = Flaky(failure)
    with pytest.raises(type(failure)):
        await patiently(call)
    assert call.calls == 1


async def test_patience_has_an_end() -> None:
    call = Flaky(*[Unavailable("away")] * 100)
    with pytest.raises(OutOfPatience, match="away"):
        await patiently(call, patience_seconds=0.3)
    assert call.calls > 1


async def test_nobody_waits_longer_than_their_patience_because_they_were_asked_to() -> None:
    with pytest.raises(OutOfPatience):
        await patiently(Flaky(RateLimited("later", retry_after_seconds=90)), patience_seconds=1)
