"""What becomes of a delivery after each post, purely."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.order.webhooks import rules
from server.order.webhooks.rules import DeliveryStatus, Outcome, judge

NOW = datetime(2026, 11, 27, tzinfo=UTC)
FRESH = rules.Delivery("w", "e", "t", "a", DeliveryStatus.PENDING, 0, NOW, NOW)


def test_ten_posts_in_a_day_and_then_it_is_given_up_or_the_webhook_paused() -> None:
    delivery, now, waits = FRESH, NOW, []
    for _ in rules.SCHEDULE:
        verdict = judge(delivery, Outcome(500), NOW, now, jitter=0)
        assert not verdict.pause_reason
        delivery = verdict.delivery
        waits.append((delivery.due_at - now).total_seconds())
        now = delivery.due_at
    assert waits == [*rules.SCHEDULE]
    assert timedelta(hours=23) < now - NOW < timedelta(hours=24)
    dead = judge(delivery, Outcome(500), NOW, now, jitter=0)
    assert dead.pause_reason == "HTTP 500"
    assert dead.delivery.status is DeliveryStatus.PENDING
    for since in (None, now - timedelta(hours=1)):  # it has taken others
        poison = judge(delivery, Outcome(500), since, now, jitter=0)
        assert (poison.pause_reason, poison.delivery.status) == ("", DeliveryStatus.FAILED)


@pytest.mark.parametrize(
    ("outcome", "is_success"),
    [
        (Outcome(200), True),
        (Outcome(204), True),
        (Outcome(299), True),
        (Outcome(199), False),
        (Outcome(301), False),
        (Outcome(0, "timeout"), False),
        (Outcome(200, "reset while it was read"), False),
    ],
)
def test_only_an_answer_of_200_to_299_is_a_success(outcome: Outcome, is_success: bool) -> None:
    after = judge(FRESH, outcome, None, NOW, jitter=0).delivery
    assert (after.status is DeliveryStatus.SUCCEEDED) == is_success
    assert bool(after.error) != is_success


def test_what_the_receiver_asks_for_is_heeded_up_to_an_hour() -> None:
    for asked, seconds in ((0, 5), (3, 5), (120, 120), (10**9, 3_600)):
        outcome = Outcome(429, "", float(asked))
        assert judge(FRESH, outcome, None, NOW, jitter=0).delivery.due_at == NOW + timedelta(
            seconds=seconds
        )


def test_chance_adds_a_tenth_at_most() -> None:
    late = judge(FRESH, Outcome(500), None, NOW, jitter=1).delivery
    assert late.due_at == NOW + timedelta(seconds=5.5)


def test_a_redelivery_is_tried_as_often_as_a_new_one_and_keeps_no_place() -> None:
    failed = replace(FRESH, status=DeliveryStatus.FAILED, attempts=10, error="HTTP 500")
    again = rules.redelivered(failed, NOW)
    assert (again.status, again.attempts, again.in_order) == (DeliveryStatus.PENDING, 0, False)
