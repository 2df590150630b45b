"""When an event happened, and when it is another's repeat."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.analytics.behaviour import rules
from server.analytics.behaviour.rules import EventIdReused, NewEvent

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def test_an_event_without_a_time_happened_now_to_the_microsecond() -> None:
    kept = rules.event(NewEvent("product.viewed", None, {}), str(uuid.uuid4()), "ann", NOW)
    assert kept.occurred_at == NOW


def test_a_repeat_gets_the_first_answer_whenever_it_comes() -> None:
    new, event_id = NewEvent("product.viewed", None, {"b": "2", "a": "1"}), str(uuid.uuid4())
    first = rules.event(new, event_id, "ann", NOW)
    second = rules.event(
        replace(new, properties={"a": "1", "b": "2"}), event_id, "ann", NOW + timedelta(hours=1)
    )
    assert rules.repeated(first, second) is first


@pytest.mark.parametrize(
    ("other", "caller"),
    [
        (NewEvent("product.viewed", NOW, {"a": "1"}), "bob"),
        (NewEvent("product.liked", NOW, {"a": "1"}), "ann"),
        (NewEvent("product.viewed", NOW, {"a": "2"}), "ann"),
        (NewEvent("product.viewed", None, {"a": "1"}), "ann"),
    ],
)
def test_an_id_stands_for_one_event_of_one_caller(other: NewEvent, caller: str) -> None:
    event_id = str(uuid.uuid4())
    first = rules.event(NewEvent("product.viewed", NOW, {"a": "1"}), event_id, "ann", NOW)
    with pytest.raises(EventIdReused):
        rules.repeated(first, rules.event(other, event_id, caller, NOW))
