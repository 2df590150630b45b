"""What lines cost together, step by step. Pure: the same lines always cost the same.

An order is placed at the price that is quoted, because both are made here.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation
from server.order.catalog.rules import Break
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
    SHIPPING = "SHIPPING"  # what sending them costs


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to the total, which all of them add up to."""

    kind: StepKind
    label: str  # for people
    amount: Decimal  # below zero where it takes off


@dataclass(frozen=True, slots=True)
class Price:
    """What lines cost together, in one currency."""

    subtotal: Decimal
    discount: Decimal
    shipping_price: Decimal
    tax: Decimal
    steps: Sequence[Step]

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.subtotal - self.discount + self.shipping_price + self.tax


class PricedLine(NamedTuple):
    """A line with what one of it costs: alone, and here."""

    quantity: int
    price_of_one: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class PriceBreaks:
    """From how many on a product costs less, by rising quantities."""

    product_id: str
    price_of_one: Decimal
    currency: str
    breaks: Sequence[Break]

    @property
    def etag(self) -> str:
        """Of what they say, and in which currency: the same again has the same."""
        breaks = [f"{count}:{price.normalize():f}" for count, price in self.breaks]
        said = " ".join([self.currency, *breaks])
        return hashlib.blake2s(said.encode(), digest_size=8).hexdigest()


def unit_price(price_of_one: Decimal, breaks: Sequence[Break], quantity: int) -> Decimal:
    """What one of so many costs."""
    reached = [each.unit_price for each in breaks if each.min_quantity <= quantity]
    return min([price_of_one, *reached])


def price(lines: Sequence[PricedLine], currency: str, shipping: Shipping | None = None) -> Price:
    """What the lines cost together, and sending them. Raises `OrderTooLarge`."""
    subtotal = sum((line.quantity * line.unit_price for line in lines), _NOTHING)
    sending = shipping.price if shipping else _NOTHING
    if subtotal + sending > TOTAL_PRICE_MAX:
        most = currencies.most_in(currency, TOTAL_PRICE_MAX)
        raise OrderTooLarge(f"the total may be {most} at most", field="items")
    steps = [*_steps(lines)]
    if shipping:
        steps.append(Step(StepKind.SHIPPING, shipping.label, shipping.price))
    return Price(subtotal, _NOTHING, sending, _NOTHING, tuple(steps))


def changed(before: PriceBreaks, breaks: Sequence[Break], etag: str) -> PriceBreaks:
    """`before` with other breaks. Raises `Invalid` and `Outdated`.

    What it says already is no change, whatever the etag: whoever repeats a call has changed that.
    """
    errors.Invalid.check(_violations(before, breaks))
    if tuple(breaks) == tuple(before.breaks):
        return before
    errors.Outdated.check(etag, before.etag, "list of price breaks")
    return PriceBreaks(before.product_id, before.price_of_one, before.currency, tuple(breaks))


def _steps(lines: Sequence[PricedLine]) -> Iterator[Step]:
    alone = sum((line.quantity * line.price_of_one for line in lines), _NOTHING)
    yield Step(StepKind.LINES, _counted(len(lines), "line"), alone)
    cheaper = [line for line in lines if line.unit_price < line.price_of_one]
    if cheaper:
        saved = sum(line.quantity * (line.price_of_one - line.unit_price) for line in cheaper)
        label = f"for many, {_counted(len(cheaper), 'line')}"
        yield Step(StepKind.PRICE_BREAKS, label, _NOTHING - saved)


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _violations(before: PriceBreaks, breaks: Sequence[Break]) -> Iterator[Violation]:
    for index, each in enumerate(breaks):
        field = f"breaks[{index}].unit_price"
        yield from currencies.too_fine(each.unit_price, before.currency, field)
    all_ = [Break(1, before.price_of_one), *breaks]
    for index, (one, next_) in enumerate(pairwise(all_)):
        if next_.min_quantity <= one.min_quantity:
            said = f"must be more than {one.min_quantity}, which has a price already"
            yield Violation(f"breaks[{index}].min_quantity", said)
        if next_.unit_price >= one.unit_price:
            least = currencies.in_full(one.unit_price, before.currency)
            said = f"must be less than {least:f}, which fewer cost each"
            yield Violation(f"breaks[{index}].unit_price", said)
