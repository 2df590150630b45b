"""Held against a model that keeps every call for ever and counts."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.limits.rules import NS, Limit, Position, Verdict, charge, judge, recovered

WINDOW = 60 * NS
# Gaps between calls: none, some, and those at which a call just still counts, or just no more.
GAPS = st.one_of(
    st.just(0),
    st.integers(0, WINDOW),
    st.integers(WINDOW - 2, WINDOW + 2),
    st.integers(0, 3 * WINDOW),
)


class Client:
    """A client's log."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.ring = [0] * limit.marks
        self.position = Position(0, 0)

    def call(self, now: int) -> Verdict:
        verdict = judge(self.limit, self.ring, self.position, now)
        if verdict.admitted:
            self.position = charge(self.limit, self.ring, self.position, now)
        return verdict


def in_window(calls: list[int], now: int) -> list[int]:
    return [each for each in calls if each > now - WINDOW]


def follows_the_model(calls: int, gaps: list[int], call: Callable[[int], Verdict]) -> None:
    admitted: list[int] = []
    now = 10 * WINDOW
    for gap in gaps:
        # No two calls are at the same ns: a ring's marks go up.
        now += gap + 1
        counted = in_window(admitted, now)
        verdict = call(now)
        assert verdict.admitted == (len(counted) < calls)
        if verdict.admitted:
            admitted.append(now)
        assert verdict.remaining == calls - len(in_window(admitted, now))
        oldest = in_window(admitted, now)[0]
        assert (
            (verdict.reset_seconds - 1) * NS < oldest + WINDOW - now <= verdict.reset_seconds * NS
        )


@given(calls=st.integers(1, 12), gaps=st.lists(GAPS, max_size=60))
def test_fewer_calls_than_the_limit_are_admitted_and_no_more(calls: int, gaps: list[int]) -> None:
    follows_the_model(calls, gaps, Client(Limit("any", calls, 60)).call)


@given(calls=st.integers(1, 12), gaps=st.lists(st.integers(0, WINDOW), min_size=1, max_size=60))
def test_what_retry_after_says_is_true(calls: int, gaps: list[int]) -> None:
    client, now = Client(Limit("any", calls, 60)), 10 * WINDOW
    for gap in gaps:
        now += gap + 1
        verdict = client.call(now)
        if not verdict.admitted:
            now += verdict.reset_seconds * NS
            assert client.call(now).admitted


def test_a_bucket_is_found_out() -> None:
    """Negative control: what refills as it goes admits more than its size in a window."""
    tokens, at = 5.0, 10 * WINDOW

    def call(now: int) -> Verdict:
        nonlocal tokens, at
        tokens, at = min(5, tokens + (now - at) / WINDOW * 5), now
        admitted = tokens >= 1
        tokens -= admitted
        return Verdict(Limit("any", 5, 60), admitted, int(tokens), 60)

    with pytest.raises(AssertionError):
        follows_the_model(5, [0] * 5 + [WINDOW // 5] * 5, call)


# The model counts thousands of calls, thousands of times.
@settings(deadline=None, max_examples=15)
@given(calls=st.integers(1_001, 5_000), data=st.data())
def test_a_wide_limit_is_never_exceeded_and_refuses_only_near_its_end(
    calls: int, data: st.DataObject
) -> None:
    limit = Limit("wide", calls, 60)
    client, now = Client(limit), 10 * WINDOW
    admitted: list[int] = []
    for gap in data.draw(st.lists(st.integers(0, WINDOW // 4), max_size=12)):
        now += gap
        for _ in range(calls // 3):
            now += 1
            counted = len(in_window(admitted, now))
            if client.call(now).admitted:
                assert counted < calls
                admitted.append(now)
            else:
                assert counted >= calls - calls % limit.calls_per_mark - limit.calls_per_mark


@given(calls=st.integers(2, 12), gaps=st.lists(GAPS, min_size=1, max_size=40))
def test_a_process_that_dies_before_it_keeps_the_position_has_counted(
    calls: int, gaps: list[int]
) -> None:
    client, now = Client(Limit("any", calls, 60)), 10 * WINDOW
    for gap in gaps:
        now += gap + 1
        verdict = judge(client.limit, client.ring, client.position, now)
        if verdict.admitted:
            kept = charge(client.limit, client.ring, client.position, now)
            assert recovered(client.ring, client.position) == kept
            client.position = kept
        assert recovered(client.ring, client.position) == client.position
