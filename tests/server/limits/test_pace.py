"""A crowd of one client's calls is spread out, and only beside others."""

import pytest

from server.limits.pace import AT_ONCE, CALLS_A_SECOND, WAIT_SECONDS_MAX, Pace
from server.limits.rules import NS, Limit

LIMIT = Limit("client", 100, 60)
WIDE = Limit("staff", 6_000, 60)
START = 10 * NS


def beside_another(now: int = START) -> Pace:
    pace = Pace()
    pace.wait_seconds(LIMIT, "another", now - 1)
    return pace


def test_a_few_go_on_at_once_and_the_others_one_by_one() -> None:
    pace = beside_another()
    waits = [pace.wait_seconds(LIMIT, "me", START) for _ in range(AT_ONCE + 3)]
    after = [1 / CALLS_A_SECOND * n for n in (1, 2, 3)]
    assert waits == pytest.approx([0.0] * AT_ONCE + after)


def test_nobody_waits_who_calls_alone() -> None:
    pace = beside_another()
    later = START + NS
    assert {pace.wait_seconds(LIMIT, "me", later) for _ in range(100)} == {0.0}


def test_nobody_waits_for_the_crowd_of_another() -> None:
    pace = beside_another()
    for _ in range(100):
        pace.wait_seconds(LIMIT, "me", START)
    assert pace.wait_seconds(LIMIT, "other", START) == 0.0
    assert pace.wait_seconds(WIDE, "me", START) == 0.0, "another class is another client"


def test_no_call_waits_for_ever_nor_what_comes_after_the_crowd() -> None:
    pace = beside_another()
    waits = [pace.wait_seconds(LIMIT, "me", START) for _ in range(1_000)]
    assert max(waits) == WAIT_SECONDS_MAX
    later = START + int((WAIT_SECONDS_MAX + 1) * NS)
    pace.wait_seconds(LIMIT, "another", later - 1)
    assert pace.wait_seconds(LIMIT, "me", later) == 0.0


def test_a_wider_limit_is_never_paced_below_itself() -> None:
    pace = beside_another()
    for second in range(10):
        for n in range(100):
            now = START + second * NS + n * NS // 100
            pace.wait_seconds(LIMIT, "another", now)
            assert pace.wait_seconds(WIDE, "me", now) == 0.0


def test_what_is_known_of_clients_is_bounded() -> None:
    pace = beside_another()
    for n in range(10_000):
        assert pace.wait_seconds(LIMIT, f"client {n}", START) == 0.0
