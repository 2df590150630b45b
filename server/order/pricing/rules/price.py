"""What lines cost together, step by step. Pure: the same lines always cost the same.

An order is placed at the price that is quoted, because both are made here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from operator import add
from typing import NamedTuple

from server.kit import currencies, errors
from server.order.pricing.rules.discounts import Off, PricedLine, discounts
from server.order.pricing.rules.promotions import Promotion
from server.order.pricing.rules.taxes import UNTAXED, LineTax, Taxes, line_tax
from server.order.shipping.rules import Shipping

TOTAL_PRICE_MAX = Decimal("99999999999999.9999")
_NOTHING = Decimal(0)


class OrderTooLarge(errors.Invalid):
    """The order's total is larger than its column can hold."""

    reason = "ORDER_TOO_LARGE"


class StepKind(StrEnum):
    """What a step does to the price."""

    LINES = "LINES"  # the sum of the lines, each at the price of one
    PRICE_BREAKS = "PRICE_BREAKS"  # what they cost less because there are many of a product
    PROMOTION = "PROMOTION"  # what they cost less by a code
    SHIPPING = "SHIPPING"  # what sending them costs, which is not taxed
    TAX = "TAX"


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to the total, which all of them add up to."""

    kind: StepKind
    label: str  # for people
    amount: Decimal  # below zero where it takes off; zero for a tax that prices contain
    included_tax: Decimal | None = None  # of such a tax, how much of it


class LinePrice(NamedTuple):
    """What a line costs less and more: its parts of an order's discount and tax.

    All lines' parts add up to the order's. So what may be refunded for a line is what it costs: its
    sum, less `discount`, and `tax`.
    """

    discount: Decimal
    tax: Decimal
    included_tax: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What lines cost together, in one currency."""

    subtotal: Decimal
    discount: Decimal
    shipping_price: Decimal
    tax: Decimal
    steps: Sequence[Step]
    included_tax: Decimal = _NOTHING
    lines: Sequence[LinePrice] = ()  # in the lines' order
    promotions: Sequence[Promotion] = ()  # those that take something off

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.subtotal - self.discount + self.shipping_price + self.tax


def price(
    lines: Sequence[PricedLine],
    currency: str,
    promotions: Sequence[Promotion] = (),
    taxes: Taxes | None = None,
    shipping: Shipping | None = None,
) -> Price:
    """What the lines cost together, with `promotions`, and sending them.

    They are taxed by `taxes`, None: not at all. Raises `OrderTooLarge`.
    """
    subtotal = subtotal_of(lines)
    _check_size(subtotal, currency)
    off = [each for each in discounts(promotions, lines, currency) if any(each.of_lines)]
    less: Sequence[Decimal] = [_NOTHING] * len(lines)
    for each in off:
        less = [*map(add, less, each.of_lines)]
    taxed: Sequence[LineTax] = [UNTAXED] * len(lines)
    if taxes:
        taxed = [
            line_tax(line.total - less[at], taxes.rate_of(line.categories), currency)
            for at, line in enumerate(lines)
        ]
    found = Price(
        subtotal=subtotal,
        discount=sum(less, _NOTHING),
        shipping_price=shipping.price if shipping else _NOTHING,
        tax=sum((each.added for each in taxed), _NOTHING),
        steps=(
            *_steps_of_lines(lines, subtotal),
            *_steps_of_promotions(off),
            *([Step(StepKind.SHIPPING, shipping.label, shipping.price)] if shipping else []),
            *_steps_of_taxes(taxed),
        ),
        included_tax=sum((each.included for each in taxed), _NOTHING),
        lines=tuple(
            LinePrice(part, tax.added, tax.included) for part, tax in zip(less, taxed, strict=True)
        ),
        promotions=tuple(each.promotion for each in off),
    )
    _check_size(found.total, currency)
    return found


def subtotal_of(lines: Sequence[PricedLine]) -> Decimal:
    """The sum of the lines."""
    return sum((line.total for line in lines), _NOTHING)


def _check_size(total: Decimal, currency: str) -> None:
    if total > TOTAL_PRICE_MAX:
        most = currencies.most_in(currency, TOTAL_PRICE_MAX)
        raise OrderTooLarge(f"the total may be {most} at most", field="items")


def _steps_of_lines(lines: Sequence[PricedLine], subtotal: Decimal) -> Iterator[Step]:
    cheaper = [line for line in lines if line.unit_price < line.price_of_one]
    saved = sum(
        (line.quantity * (line.price_of_one - line.unit_price) for line in cheaper), _NOTHING
    )
    yield Step(StepKind.LINES, _counted(len(lines), "line"), subtotal + saved)
    if cheaper:
        label = f"for many, {_counted(len(cheaper), 'line')}"
        yield Step(StepKind.PRICE_BREAKS, label, _NOTHING - saved)


def _steps_of_promotions(off: Sequence[Off]) -> Iterator[Step]:
    for each in off:
        amount = _NOTHING - sum(each.of_lines, _NOTHING)
        yield Step(StepKind.PROMOTION, each.promotion.name, amount)


def _steps_of_taxes(taxed: Sequence[LineTax]) -> Iterator[Step]:
    """One for each rate, by its name: so the order of lines does not matter."""
    rates = {each.rate.id: each.rate for each in taxed if each.rate}
    for rate in sorted(rates.values(), key=lambda rate: (rate.name, rate.rate, rate.id)):
        of_rate = [each for each in taxed if each.rate and each.rate.id == rate.id]
        added = sum((each.added for each in of_rate), _NOTHING)
        included = sum((each.included for each in of_rate), _NOTHING)
        yield Step(StepKind.TAX, rate.label, added, included if rate.included else None)


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
