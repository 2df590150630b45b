"""What lines cost together, step by step. Pure: the same lines always cost the same.

An order is placed at the price that is quoted, because both are made here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from server.kit import currencies, errors

TOTAL_PRICE_MAX = Decimal("99999999999999.9999")
_NOTHING = Decimal(0)


class OrderTooLarge(errors.Invalid):
    """The order's total is larger than its column can hold."""

    reason = "ORDER_TOO_LARGE"


class StepKind(StrEnum):
    """What a step does to the price."""

    LINES = "LINES"  # the sum of the lines


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


def price(line_totals: Sequence[Decimal], currency: str) -> Price:
    """What the lines cost together. Raises `OrderTooLarge`."""
    subtotal = sum(line_totals, _NOTHING)
    if subtotal > TOTAL_PRICE_MAX:
        most = currencies.most_in(currency, TOTAL_PRICE_MAX)
        raise OrderTooLarge(f"the total may be {most} at most", field="items")
    count = len(line_totals)
    steps = (Step(StepKind.LINES, "1 line" if count == 1 else f"{count} lines", subtotal),)
    return Price(subtotal, _NOTHING, _NOTHING, _NOTHING, steps)
