"""What events add to the figures."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given

from server.analytics.sales import rules
from server.analytics.sales.rules import Figures, Kind, SalesKey
from tests.server.analytics.sales.histories import folded, lives, placed

TEN = Decimal("10.00")


@pytest.mark.parametrize(
    ("kind", "was_cancelled", "added"),
    [
        (Kind.PLACED, False, Figures(orders=1, units=2, gross=TEN)),
        (Kind.CANCELLED, False, Figures(cancelled_orders=1, cancelled=TEN)),
        (Kind.REFUNDED, False, Figures(refunded_orders=1, refunded=TEN)),
        (Kind.DELETED, False, Figures(orders=-1, units=-2, gross=-TEN)),
        (
            Kind.DELETED,
            True,
            Figures(orders=-1, units=-2, gross=-TEN, cancelled_orders=-1, cancelled=-TEN),
        ),
    ],
)
def test_each_kind_adds_its_own_figures(kind: Kind, was_cancelled: bool, added: Figures) -> None:
    event = replace(placed("GBP", total="10.00"), kind=kind, was_cancelled=was_cancelled)
    assert rules.effect(event) == added


@given(lives())
def test_effects_come_to_what_somebody_with_a_pencil_finds(history: list[rules.OrderEvent]) -> None:
    summed = {key.day: figures for key, figures in rules.effects(history).items() if figures}
    assert summed == folded(history)


def test_an_order_counts_towards_its_day_in_utc() -> None:
    west = timezone(timedelta(hours=-5))
    event = replace(placed("GBP"), order_date=datetime(2010, 12, 1, 22, 0, tzinfo=west))
    assert list(rules.effects([event])) == [SalesKey("GBP", date(2010, 12, 2))]


def test_net_is_what_cancellations_and_refunds_leave() -> None:
    figures = Figures(gross=Decimal("0.30"), cancelled=Decimal("0.10"), refunded=Decimal("0.10"))
    assert figures.net == Decimal("0.10")
