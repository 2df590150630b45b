"""What becomes of a delivery after each post."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from server.kit import errors

PING = "ping"
"""The type of a test, which is no event."""

RETENTION = timedelta(days=7)
"""For how long deliveries are kept, whatever became of them."""

# After the first failure, the second, and so on: the tenth post is the last, after 23 h 36 min.
SCHEDULE: Sequence[float] = (5, 60, 300, 1_800, 3_600, 7_200, 14_400, 21_600, 36_000)
_RETRY_AFTER_MAX = 3_600.0  # what a receiver may ask for
_GONE = 410  # the receiver wants nothing more, as Standard Webhooks has it
_ERROR_LENGTH_MAX = 200


class DeliveryNotFound(errors.NotFound):
    """The webhook has no such delivery."""

    reason = "WEBHOOK_DELIVERY_NOT_FOUND"


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook; its id is the event's."""

    webhook_id: str
    id: str
    event_type: str
    aggregate_id: str
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    created_at: datetime
    last_attempt_at: datetime | None = None
    response_status: int = 0
    error: str = ""
    in_order: bool = True  # False: it was redelivered, and is posted whatever is before it


class Outcome(NamedTuple):
    """What came of a post: the status of the answer, or what went wrong before there was one."""

    status: int  # 0: there was no answer
    error: str = ""
    retry_after_seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken it."""
        return 200 <= self.status <= 299 and not self.error

    @property
    def described(self) -> str:
        """Why it failed."""
        return self.error or f"HTTP {self.status}"


class Verdict(NamedTuple):
    """What becomes of the delivery, and why its webhook is paused; empty: it is not."""

    delivery: Delivery
    pause_reason: str = ""


def judge(
    delivery: Delivery,
    outcome: Outcome,
    failing_since: datetime | None,
    now: datetime,
    jitter: float,
    schedule: Sequence[float] = SCHEDULE,
) -> Verdict:
    """The `delivery` after a post; `jitter` is from 0 to 1.

    `failing_since` is when the webhook's receiver began to take nothing. One that has taken nothing
    for as long as a delivery is tried is dead: the webhook is paused, and the delivery waits for
    it to be taken up. Where it has taken others, the delivery is given up.
    """
    posted = replace(
        delivery,
        attempts=delivery.attempts + 1,
        last_attempt_at=now,
        response_status=outcome.status,
        error="" if outcome.is_success else outcome.described[:_ERROR_LENGTH_MAX],
    )
    if outcome.is_success:
        return Verdict(replace(posted, status=DeliveryStatus.SUCCEEDED))
    waits = replace(posted, due_at=now)
    if outcome.status == _GONE:
        return Verdict(waits, outcome.described)
    if posted.attempts > len(schedule):
        dead_after = timedelta(seconds=sum(schedule) * 0.9)
        if failing_since and now - failing_since >= dead_after:
            return Verdict(waits, outcome.described[:_ERROR_LENGTH_MAX])
        return Verdict(replace(posted, status=DeliveryStatus.FAILED))
    asked = min(outcome.retry_after_seconds, _RETRY_AFTER_MAX)
    delay = max(schedule[posted.attempts - 1] * (1 + 0.1 * jitter), asked)
    return Verdict(replace(posted, due_at=now + timedelta(seconds=delay)))


def redelivered(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery, to be posted again at once, as often as a new one."""
    return replace(delivery, status=DeliveryStatus.PENDING, attempts=0, due_at=now, in_order=False)
