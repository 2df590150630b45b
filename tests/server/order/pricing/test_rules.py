"""What lines cost together: that the parts always add up."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit.currencies import unit_of
from server.order.pricing.rules import TOTAL_PRICE_MAX, OrderTooLarge, Price, StepKind, price

CURRENCIES = ("JPY", "GBP", "KWD", "CLF")


@st.composite
def baskets(draw: st.DrawFn) -> tuple[list[Decimal], str]:
    """The totals of some lines, and their currency."""
    currency = draw(st.sampled_from(CURRENCIES))
    units = st.lists(st.integers(0, 10**12), min_size=1, max_size=30)
    return [count * unit_of(currency) for count in draw(units)], currency


def adds_up(found: Price) -> bool:
    parts = found.subtotal - found.discount + found.shipping_price + found.tax
    return found.total == parts == sum(step.amount for step in found.steps)


@given(baskets())
def test_the_parts_always_add_up_to_the_total(basket: tuple[list[Decimal], str]) -> None:
    totals, currency = basket
    found = price(totals, currency)
    assert adds_up(found)
    assert found.subtotal == sum(totals)
    assert found.total % unit_of(currency) == 0


@given(baskets(), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(
    basket: tuple[list[Decimal], str], chance: random.Random
) -> None:
    totals, currency = basket
    shuffled = [*totals]
    chance.shuffle(shuffled)
    assert price(shuffled, currency) == price(totals, currency)


def test_the_largest_total_is_priced_and_more_is_refused() -> None:
    assert price([TOTAL_PRICE_MAX], "CLF").total == TOTAL_PRICE_MAX
    with pytest.raises(OrderTooLarge):
        price([TOTAL_PRICE_MAX, Decimal("0.0001")], "CLF")


@pytest.mark.parametrize(("count", "label"), [(1, "1 line"), (3, "3 lines")])
def test_the_lines_are_the_first_step(count: int, label: str) -> None:
    (step,) = price([Decimal("2.55")] * count, "GBP").steps
    assert (step.kind, step.label, step.amount) == (StepKind.LINES, label, count * Decimal("2.55"))
