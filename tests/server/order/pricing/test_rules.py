"""What lines cost together: that the parts always add up."""

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit.currencies import unit_of
from server.order.catalog.rules import Break, Offer
from server.order.orders.rules import Line, quote
from server.order.pricing.rules import (
    TOTAL_PRICE_MAX,
    OrderTooLarge,
    PricedLine,
    StepKind,
    price,
    unit_price,
)
from tests.server.order.samples import new_id, new_order

CURRENCIES = ("JPY", "GBP", "KWD", "CLF")
PRODUCTS = tuple(new_id() for _ in range(3))

prices = st.integers(0, 10**6)


@st.composite
def shops(draw: st.DrawFn) -> dict[str, Offer]:
    """Offers in one currency, some of which cost less where there are many."""
    currency = draw(st.sampled_from(CURRENCIES))
    unit = unit_of(currency)
    return {
        each: Offer(
            "Thing",
            draw(prices) * unit,
            currency,
            breaks=tuple(
                Break(count, draw(prices) * unit)
                for count in sorted(draw(st.sets(st.integers(2, 50), max_size=4)))
            ),
        )
        for each in PRODUCTS
    }


lines = st.builds(
    Line,
    st.sampled_from(PRODUCTS),
    st.none(),
    st.none(),
    st.integers(1, 40),
    st.none(),
)
baskets = st.lists(lines, min_size=1, max_size=20)


@given(shops(), baskets)
def test_the_parts_always_add_up_to_the_total(shop: dict[str, Offer], basket: list[Line]) -> None:
    found = quote(new_order(*basket), shop, "GBP")
    cost = found.price
    parts = cost.subtotal - cost.discount + cost.shipping_price + cost.tax
    assert cost.total == parts == sum(step.amount for step in cost.steps)
    assert cost.subtotal == sum(item.line_total for item in found.items)
    assert cost.total % unit_of(found.currency) == 0
    assert cost.total >= 0


@given(shops(), baskets, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(
    shop: dict[str, Offer], basket: list[Line], chance: random.Random
) -> None:
    shuffled = [*basket]
    chance.shuffle(shuffled)
    one, other = (quote(new_order(*each), shop, "GBP") for each in (basket, shuffled))
    assert one.price == other.price
    assert Counter(one.items) == Counter(other.items)


@given(shops(), baskets)
def test_it_does_not_matter_how_many_lines_a_product_stands_in(
    shop: dict[str, Offer], basket: list[Line]
) -> None:
    counts: Counter[str] = Counter()
    for line in basket:
        assert line.product_id
        counts[line.product_id] += line.quantity
    together = [Line(each, None, None, count) for each, count in counts.items()]
    one, other = (quote(new_order(*each), shop, "GBP") for each in (basket, together))
    assert one.price.total == other.price.total


@given(shops(), baskets)
def test_nothing_costs_more_because_there_are_many(
    shop: dict[str, Offer], basket: list[Line]
) -> None:
    for item in quote(new_order(*basket), shop, "GBP").items:
        assert item.product_id
        assert item.unit_price <= shop[item.product_id].unit_price


@pytest.mark.parametrize(
    ("count", "each"), [(1, "2.55"), (9, "2.55"), (10, "2.50"), (99, "2.50"), (100, "1.99")]
)
def test_the_last_break_that_is_reached_counts(count: int, each: str) -> None:
    breaks = [Break(10, Decimal("2.50")), Break(100, Decimal("1.99"))]
    assert unit_price(Decimal("2.55"), breaks, count) == Decimal(each)


def test_a_product_that_has_become_cheaper_than_its_breaks_costs_what_one_costs() -> None:
    assert unit_price(Decimal("2.00"), [Break(10, Decimal("2.50"))], 10) == Decimal("2.00")


def test_the_largest_total_is_priced_and_more_is_refused() -> None:
    largest = PricedLine(1, TOTAL_PRICE_MAX, TOTAL_PRICE_MAX)
    assert price([largest], "CLF").total == TOTAL_PRICE_MAX
    with pytest.raises(OrderTooLarge):
        price([largest, PricedLine(1, unit_of("CLF"), unit_of("CLF"))], "CLF")


@pytest.mark.parametrize(("count", "label"), [(1, "1 line"), (3, "3 lines")])
def test_the_lines_are_the_first_step(count: int, label: str) -> None:
    each = Decimal("2.55")
    (step,) = price([PricedLine(1, each, each)] * count, "GBP").steps
    assert (step.kind, step.label, step.amount) == (StepKind.LINES, label, count * each)
