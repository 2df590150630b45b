"""Calls of one kind that follow each other closely are counted together."""

from typing import Any

import pytest

from server.kit.audit.floods import Floods
from server.kit.audit.record import OK
from tests.server.kit.audit.records import NOON, record

SECONDS = 5.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def floods(clock: Clock) -> Floods:
    return Floods(SECONDS, kinds_max=3, clock=clock)


def test_the_first_of_a_kind_stands_by_itself(floods: Floods, clock: Clock) -> None:
    assert not floods.takes(record())
    clock.now += SECONDS
    assert floods.ended() == []
    assert floods.seconds_left is None, "it was alone"


def test_those_that_follow_become_one(floods: Floods, clock: Clock) -> None:
    assert [floods.takes(record(n)) for n in range(4)] == [False, True, True, True]
    assert floods.ended() == []
    assert floods.seconds_left == SECONDS
    clock.now += SECONDS
    [counted] = floods.ended()
    assert (counted.count, counted.first_at, counted.last_at) == (
        3,
        record(1).first_at,
        record(3).last_at,
    )


def test_a_flood_that_goes_on_is_one_record_a_window(floods: Floods, clock: Clock) -> None:
    counts = []
    for n in range(30):
        floods.takes(record(n))
        clock.now += 1
        counts += [each.count for each in floods.ended()]
    counts += [each.count for each in floods.ended(all_of_them=True)]
    assert (sum(counts), len(counts)) == (29, 6), "the first stands by itself"


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "emporium.user.v1.UserService/ListUsers"},
        {"outcome": "PERMISSION_DENIED"},
        {"actor_id": "01900000-0000-7000-8000-000000000001"},
        {"address": "192.0.2.2"},
        {"service": "order"},
    ],
)
def test_what_sets_calls_apart(floods: Floods, fields: dict[str, Any]) -> None:
    floods.takes(record())
    assert not floods.takes(record(**fields))


def test_who_tries_one_thing_after_another_is_one_source(floods: Floods) -> None:
    floods.takes(record(resource="/api/v1/users/1", subject_id="1", request_id="a"))
    assert floods.takes(record(resource="/api/v1/users/2", subject_id="2", request_id="b"))


def test_strangers_are_told_apart_by_whom_they_try(floods: Floods) -> None:
    floods.takes(record(actor_id="", subject_id="1"))
    assert not floods.takes(record(actor_id="", subject_id="2"))
    assert floods.takes(record(actor_id="", subject_id="2"))


def test_what_was_done_is_told_apart_by_what_it_was_done_to(floods: Floods) -> None:
    floods.takes(record(outcome=OK, resource="/api/v1/users/1"))
    assert not floods.takes(record(outcome=OK, resource="/api/v1/users/2"))


def test_beyond_its_bound_calls_are_not_counted_together(floods: Floods) -> None:
    for n in range(3):
        floods.takes(record(address=f"192.0.2.{n}"))
    assert not floods.takes(record(address="192.0.2.9"))
    assert not floods.takes(record(address="192.0.2.9")), "kept one by one, and not lost"
    assert floods.takes(record(address="192.0.2.1"))


def test_records_add_up() -> None:
    both = record(1).with_another(record(2, count=4)).with_another(record(3))
    assert (both.count, both.first_at, both.last_at) == (6, record(1).first_at, record(3).last_at)
    assert record().first_at == NOON
