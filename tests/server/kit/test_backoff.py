"""One rule for every wait before trying again."""

import pytest

from server.kit.backoff import Backoff


def longest(_: float, most: float) -> float:
    return most


def shortest(least: float, _: float) -> float:
    return least


def test_waits_double_up_to_their_maximum() -> None:
    backoff = Backoff(0.1, 0.5, uniform=longest)
    assert [backoff.delay(failures) for failures in (1, 2, 3, 4, 1_000_000)] == pytest.approx(
        [0.1, 0.2, 0.4, 0.5, 0.5]
    )


def test_a_wait_is_at_least_half_of_what_it_could_be() -> None:
    backoff = Backoff(0.1, 0.5, uniform=shortest)
    assert [backoff.delay(failures) for failures in (1, 2, 4)] == pytest.approx([0.05, 0.1, 0.25])


def test_those_who_failed_together_do_not_come_back_together() -> None:
    backoff = Backoff(1.0, 10.0)
    delays = {backoff.delay(3) for _ in range(50)}
    assert len(delays) > 1
    assert all(2.0 <= delay <= 4.0 for delay in delays)


def test_each_failure_waits_longer_than_the_one_before() -> None:
    retries = Backoff(0.1, 10.0, uniform=longest).retries()
    assert [retries.failed(), retries.failed()] == pytest.approx([0.1, 0.2])


def test_a_wait_is_as_long_as_the_other_side_asked_for() -> None:
    retries = Backoff(0.1, 0.2, uniform=longest).retries()
    assert retries.failed(at_least_seconds=3.0) == 3.0
    assert retries.failed(at_least_seconds=0.01) == pytest.approx(0.2)


def test_a_wait_that_would_end_too_late_is_not_begun() -> None:
    now = 100.0
    retries = Backoff(1.0, 1.0, uniform=longest).retries(within_seconds=2.5, clock=lambda: now)
    assert retries.failed() == 1.0
    now = 101.5
    assert retries.failed() == 1.0
    now = 102.0
    assert retries.failed() is None


def test_what_is_asked_for_may_be_too_long_as_well() -> None:
    retries = Backoff(1.0, 1.0).retries(within_seconds=2.5)
    assert retries.failed(at_least_seconds=3.0) is None
