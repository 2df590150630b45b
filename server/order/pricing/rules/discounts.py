"""What promotions take off lines: exact sums, whatever the order of lines and of codes."""

from collections.abc import Sequence
from decimal import Decimal
from operator import sub
from typing import NamedTuple

from server.kit import currencies
from server.order.pricing.rules.promotions import Promotion
from server.order.pricing.rules.rounding import SCALE, parts_of

_NOTHING = Decimal(0)


class PricedLine(NamedTuple):
    """A line with what one of it costs: alone, and here. And of what it is."""

    quantity: int
    price_of_one: Decimal
    unit_price: Decimal
    product_id: str = ""  # empty: of none
    categories: Sequence[str] = ()

    @property
    def total(self) -> Decimal:
        """What the line costs."""
        return self.quantity * self.unit_price


class Off(NamedTuple):
    """What a promotion takes off each line."""

    promotion: Promotion
    of_lines: Sequence[Decimal]


def discounts(
    promotions: Sequence[Promotion], lines: Sequence[PricedLine], currency: str
) -> Sequence[Off]:
    """What each promotion takes off, in the order in which they are reckoned.

    Percentages come first, each of what the lines cost, and then amounts of what is left: so
    together they are at most what the lines cost, and it is the same in whichever order the codes
    were named.
    """
    totals = [line.total for line in lines]
    left: Sequence[Decimal] = totals
    found: list[Off] = []
    for promotion in sorted(promotions, key=lambda each: (each.percentage is None, each.id)):
        if promotion.percentage is not None:
            parts = parts_of(totals, promotion.percentage, currency)
            off: Sequence[Decimal] = [*map(min, parts, left)]
        else:
            assert promotion.amount is not None
            off = shared(promotion.amount, left, lines, currency)
        left = [*map(sub, left, off)]
        found.append(Off(promotion, tuple(off)))
    return found


def shared(
    amount: Decimal, left: Sequence[Decimal], lines: Sequence[PricedLine], currency: str
) -> Sequence[Decimal]:
    """`amount` shared over lines by what is `left` of each, by the largest remainder.

    No line gets more than is left of it, and all together get `amount`, or what is left if that is
    less. Of equal remainders the line that costs more comes first, and then what it is of decides,
    so that the order of lines does not matter: lines that are equal in all are worth the same.
    """
    whole = sum(left, _NOTHING)
    if amount >= whole:
        return left
    unit = currencies.unit_of(currency)
    units, total = int(amount / unit), int(whole * SCALE)
    parts = [int(each * SCALE) * units for each in left]
    counts = [part // total for part in parts]
    missing = units - sum(counts)
    if missing:
        for at in _ranked([part % total for part in parts], left, lines):
            if missing and (counts[at] + 1) * unit <= left[at]:
                counts[at] += 1
                missing -= 1
    return [count * unit for count in counts]


def _ranked(
    remainders: Sequence[int], left: Sequence[Decimal], lines: Sequence[PricedLine]
) -> Sequence[int]:
    """The places of the lines, in the order in which they get what is missing."""
    places = range(len(lines))
    if len({*remainders}) == len(lines):  # as most are; to look at more costs as much as all else
        return sorted(places, key=remainders.__getitem__, reverse=True)
    return sorted(
        places,
        key=lambda at: (
            -remainders[at],
            -left[at],
            lines[at].product_id,
            lines[at].categories,
            lines[at].unit_price,
            lines[at].price_of_one,
            lines[at].quantity,
        ),
    )
