"""Parts of amounts, rounded half even to the decimals of their currency. They are exact."""

from collections.abc import Iterable
from decimal import Decimal

from server.kit import currencies

SCALE = 10_000
"""Amounts and rates have four decimals at most."""


def part_of(amount: Decimal, percent: Decimal, currency: str, *, of_gross: bool = False) -> Decimal:
    """So many percent of `amount`; `of_gross`, how much of it was added by so many percent."""
    [part] = parts_of([amount], percent, currency, of_gross=of_gross)
    return part


def parts_of(
    amounts: Iterable[Decimal], percent: Decimal, currency: str, *, of_gross: bool = False
) -> list[Decimal]:
    """As `part_of`, of each of `amounts`."""
    rate, unit = int(percent * SCALE), currencies.unit_of(currency)
    of_one = rate * 10 ** currencies.decimals_of(currency)
    whole = (100 * SCALE + (rate if of_gross else 0)) * SCALE
    return [_half_even(int(amount * SCALE) * of_one, whole) * unit for amount in amounts]


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    is_up = 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    return quotient + is_up
