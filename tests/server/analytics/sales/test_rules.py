"""What orders count for, by the last of their events."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.analytics.sales import rules
from server.analytics.sales.rules import Figures, OrderEvent, Orders, SalesKey, State
from tests.server.analytics.sales.histories import became, folded, lives, placed

TEN = Decimal("10.00")


@pytest.mark.parametrize(
    ("state", "figures"),
    [
        (State.PLACED, Figures(1, 2, TEN)),
        (State.CANCELLED, Figures(1, 2, TEN, cancelled_orders=1, cancelled=TEN)),
        (
            State.REFUNDED,
            Figures(1, 2, TEN, refunded_orders=1, refunded=TEN, captured=TEN, paid_back=TEN),
        ),
        (State.DELETED, Figures()),
    ],
)
def test_an_order_counts_for_what_has_become_of_it(state: State, figures: Figures) -> None:
    assert became(placed("GBP", total="10.00"), state).figures == figures


def test_what_is_given_back_of_a_cancelled_order_is_no_loss_of_sales() -> None:
    part = replace(placed("GBP", total="10.00"), captured=Decimal(6), refunded=Decimal(2))
    assert part.figures.net == Decimal(8)
    cancelled = replace(part, state=State.CANCELLED).figures
    assert [cancelled.net, cancelled.captured, cancelled.paid_back] == [0, 6, 2]


@given(lives())
def test_last_events_come_to_what_somebody_with_a_pencil_finds(history: list[OrderEvent]) -> None:
    changes = rules.differences({}, rules.last_of_each(history))
    assert {key.day: figures for key, figures in changes.items()} == folded(history)


@given(lives(), st.data())
def test_an_order_takes_the_place_of_what_it_was_before(
    history: list[OrderEvent], data: st.DataObject
) -> None:
    earlier = data.draw(st.lists(st.sampled_from(history))) if history else []
    before: Orders = rules.last_of_each(earlier)
    after = rules.last_of_each(rules.news(history, before))
    figures = rules.differences({}, before)
    for key, change in rules.differences(before, after).items():
        figures[key] = figures.get(key, Figures()) + change
    assert {key.day: found for key, found in figures.items() if found} == folded(history)


def test_an_event_tells_something_new_once_and_only_when_it_comes_after_what_is_known() -> None:
    first = placed("GBP")
    second = became(first, State.PLACED)
    third = became(second, State.CANCELLED)
    known = {first.order_id: second}
    assert rules.news([third, first, third, second], known) == [third]


def test_what_is_final_stays_so_whatever_the_versions_say() -> None:
    # Versions of events from before there were any are guesses.
    cancelled = replace(placed("GBP"), state=State.CANCELLED, version=2)
    edited = replace(placed("GBP"), order_id=cancelled.order_id, version=7)
    deleted = replace(cancelled, id=edited.user_id, state=State.DELETED, version=1)
    for arrived in ([cancelled, edited, deleted], [deleted, edited, cancelled]):
        assert rules.last_of_each(arrived) == {cancelled.order_id: deleted}
    assert rules.last_of_each([edited, cancelled]) == {cancelled.order_id: cancelled}


def test_an_order_counts_towards_its_day_in_utc() -> None:
    west = timezone(timedelta(hours=-5))
    event = replace(placed("GBP"), order_date=datetime(2010, 12, 1, 22, 0, tzinfo=west))
    assert event.key == SalesKey("GBP", date(2010, 12, 2))


def test_net_is_what_cancellations_and_refunds_leave() -> None:
    figures = Figures(gross=Decimal("0.30"), cancelled=Decimal("0.10"), refunded=Decimal("0.10"))
    assert figures.net == Decimal("0.10")
