"""From how many on a product costs less."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from server.kit import currencies, errors
from server.kit.errors import Violation
from server.order.catalog.rules import Break


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
    if not breaks:
        return price_of_one
    reached = [each.unit_price for each in breaks if each.min_quantity <= quantity]
    return min([price_of_one, *reached])


def changed(before: PriceBreaks, breaks: Sequence[Break], etag: str) -> PriceBreaks:
    """`before` with other breaks. Raises `Invalid` and `Outdated`.

    What it says already is no change, whatever the etag: whoever repeats a call has changed that.
    """
    errors.Invalid.check(_violations(before, breaks))
    if tuple(breaks) == tuple(before.breaks):
        return before
    errors.Outdated.check(etag, before.etag, "product's price breaks")
    return PriceBreaks(before.product_id, before.price_of_one, before.currency, tuple(breaks))


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
