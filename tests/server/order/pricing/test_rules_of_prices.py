"""Promotions and taxes of prices: whatever they are, the parts add up."""

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit.currencies import unit_of
from server.order.pricing.rules import (
    PricedLine,
    Promotion,
    Stacking,
    StepKind,
    TaxRate,
    TaxTable,
    price,
)
from server.order.pricing.rules.rounding import part_of
from server.order.pricing.rules.taxes import Taxes
from tests.server.order.samples import NOW, new_id

CURRENCIES = ("JPY", "GBP", "KWD", "CLF")
TREE = {"top": None, "low": "top", "other": None}
PRODUCTS = tuple(new_id() for _ in range(3))
GROUPS = ((), ("low",), ("other",), ("low", "other"))


def promotion(percentage: Decimal | None = None, amount: Decimal | None = None) -> Promotion:
    promotion_id = new_id()
    return Promotion(
        id=promotion_id,
        code=promotion_id,
        name="Less",
        percentage=percentage,
        amount=amount,
        stacking=Stacking.COMBINABLE,
        created_at=NOW,
        updated_at=NOW,
        version=1,
    )


def rate(category: str | None, percent: str, *, included: bool = False) -> TaxRate:
    return TaxRate(new_id(), "GB", category, "VAT", Decimal(percent), included, NOW, NOW, 1)


@st.composite
def orders(
    draw: st.DrawFn,
) -> tuple[str, list[PricedLine], list[Promotion], Taxes | None]:
    """Lines in one currency, promotions of any kind, and taxes of any."""
    currency = draw(st.sampled_from(CURRENCIES))
    unit = unit_of(currency)
    amounts = st.integers(0, 10**6) | st.integers(0, 3)
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        one = draw(amounts) * unit
        product = draw(st.integers(0, 2))
        lines.append(
            PricedLine(draw(st.integers(1, 50)), one, one, PRODUCTS[product], GROUPS[product])
        )
    percents = st.integers(1, 10_000).map(lambda n: promotion(Decimal(n) / 100))
    fixed = st.integers(1, 10**7).map(lambda n: promotion(amount=n * unit))
    promotions = draw(st.lists(percents | fixed, max_size=4))
    rates = [
        TaxRate(
            new_id(),
            "GB",
            category,
            "VAT",
            Decimal(draw(st.integers(0, 10**6))) / 10_000,
            draw(st.booleans()),
            NOW,
            NOW,
            1,
        )
        for category in draw(st.sets(st.sampled_from([None, *TREE])))
    ]
    table = TaxTable({("GB", each.category_id): each for each in rates}, TREE)
    return currency, lines, promotions, draw(st.sampled_from([None, table.of("GB")]))


@given(orders())
def test_the_parts_always_add_up(
    order: tuple[str, list[PricedLine], list[Promotion], Taxes | None],
) -> None:
    currency, lines, promotions, taxes = order
    found = price(lines, currency, promotions, taxes)
    assert sum(step.amount for step in found.steps) == found.total
    assert found.total == found.subtotal - found.discount + found.tax
    assert sum(line.discount for line in found.lines) == found.discount
    assert sum(line.tax for line in found.lines) == found.tax
    assert sum(line.included_tax for line in found.lines) == found.included_tax
    told = [step.included_tax for step in found.steps if step.included_tax is not None]
    assert sum(told) == found.included_tax
    off = [step.amount for step in found.steps if step.kind is StepKind.PROMOTION]
    assert (len(off), -sum(off)) == (len(found.promotions), found.discount)
    assert all(off)
    assert {each.id for each in found.promotions} <= {each.id for each in promotions}
    assert 0 <= found.discount <= found.subtotal
    unit = unit_of(currency)
    parts = [found.total, found.included_tax, *(each for line in found.lines for each in line)]
    assert all(part % unit == 0 for part in parts)


@given(orders())
def test_no_refund_of_lines_is_more_than_they_cost(
    order: tuple[str, list[PricedLine], list[Promotion], Taxes | None],
) -> None:
    """What each line costs is a share of the total: of any lines it is no more than of all."""
    currency, lines, promotions, taxes = order
    found = price(lines, currency, promotions, taxes)
    costs = [
        line.total - part.discount + part.tax for line, part in zip(lines, found.lines, strict=True)
    ]
    assert all(
        0 <= part.discount <= line.total for line, part in zip(lines, found.lines, strict=True)
    )
    assert all(cost >= 0 for cost in costs)
    assert sum(costs) == found.total
    contained = zip(costs, found.lines, strict=True)
    assert all(0 <= part.included_tax <= cost for cost, part in contained)


@given(orders(), st.randoms())
def test_no_order_of_lines_or_codes_matters(
    order: tuple[str, list[PricedLine], list[Promotion], Taxes | None], chance: random.Random
) -> None:
    currency, lines, promotions, taxes = order
    shuffled = chance.sample(range(len(lines)), len(lines))
    found = price(lines, currency, promotions, taxes)
    other = price(
        [lines[at] for at in shuffled],
        currency,
        chance.sample(promotions, len(promotions)),
        taxes,
    )
    assert other.steps == found.steps
    assert (other.total, other.included_tax) == (found.total, found.included_tax)
    assert Counter(zip([lines[at] for at in shuffled], other.lines, strict=True)) == Counter(
        zip(lines, found.lines, strict=True)
    )


@pytest.mark.parametrize(
    ("amount", "percent", "currency", "part"),
    [
        ("0.05", "10", "GBP", "0.00"),  # 0.005, and 0.015: half even
        ("0.15", "10", "GBP", "0.02"),
        ("5", "10", "JPY", "0"),
        ("15", "10", "JPY", "2"),
        ("0.005", "10", "KWD", "0.000"),
        ("0.015", "10", "KWD", "0.002"),
        ("10", "8.875", "GBP", "0.89"),
    ],
)
def test_parts_are_rounded_half_even(amount: str, percent: str, currency: str, part: str) -> None:
    found = part_of(Decimal(amount), Decimal(percent), currency)
    assert (found, str(found)) == (Decimal(part), part)


def test_what_a_price_contains_is_of_the_price() -> None:
    assert part_of(Decimal(119), Decimal(19), "EUR", of_gross=True) == Decimal("19.00")
    assert part_of(Decimal(100), Decimal(100), "EUR", of_gross=True) == Decimal("50.00")


def test_an_amount_is_shared_by_what_lines_cost() -> None:
    lines = [PricedLine(1, Decimal(each), Decimal(each)) for each in ("1", "1", "1", "7")]
    found = price(lines, "GBP", [promotion(amount=Decimal("1.01"))])
    assert [line.discount for line in found.lines] == [
        Decimal("0.10"),
        Decimal("0.10"),
        Decimal("0.10"),
        Decimal("0.71"),
    ]


def test_steps_stand_in_the_order_in_which_they_are_reckoned() -> None:
    lines = [PricedLine(1, Decimal(100), Decimal(100), PRODUCTS[0], ("low",))]
    table = TaxTable({("GB", "top"): rate("top", "10")}, TREE)
    codes = [promotion(amount=Decimal(10)), promotion(Decimal(50))]
    found = price(lines, "GBP", codes, table.of("GB"))
    assert [(step.kind, step.amount) for step in found.steps] == [
        (StepKind.LINES, Decimal(100)),
        (StepKind.PROMOTION, Decimal(-50)),
        (StepKind.PROMOTION, Decimal(-10)),
        (StepKind.TAX, Decimal(4)),
    ]
