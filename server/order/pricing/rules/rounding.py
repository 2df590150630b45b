"""Parts of amounts, rounded half even to the decimals of their currency. They are exact."""

from decimal import Decimal

from server.kit import currencies

SCALE = 10_000
"""Amounts and rates have four decimals at most."""


def part_of(amount: Decimal, percent: Decimal, currency: str, *, of_gross: bool = False) -> Decimal:
    """So many percent of `amount`; `of_gross`, how much of it was added by so many percent."""
    rate, decimals = int(percent * SCALE), currencies.decimals_of(currency)
    numerator = int(amount * SCALE) * rate * 10**decimals
    whole = 100 * SCALE + (rate if of_gross else 0)
    return Decimal(_half_even(numerator, whole * SCALE)).scaleb(-decimals)


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    is_up = 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    return quotient + is_up
