"""Currencies, how many decimals each has, and amounts that are written with as many.

The table is the standard's own, ISO 4217, as the package `iso4217` has it: each edition of the
table is a version of the package.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal

from iso4217 import Currency

from server.kit.errors import Violation

# Gold, special drawing rights and codes for tests have no decimals there: nobody pays with them.
_DECIMALS: Mapping[str, int] = {
    each.code: each.exponent for each in Currency if each.exponent is not None
}

# Of a code that has left the table since something was sold in it: as all had before there was one.
_DECIMALS_OTHERWISE = 2

_UNITS = tuple(Decimal((0, (1,), -decimals)) for decimals in range(5))
_UNIT_OF = {code: _UNITS[decimals] for code, decimals in _DECIMALS.items()}
_UNIT_OTHERWISE = _UNITS[_DECIMALS_OTHERWISE]


def is_known(currency: str) -> bool:
    """Whether people pay with it: a code of ISO 4217 that has decimals there, if only none."""
    return currency in _DECIMALS


def decimals_of(currency: str) -> int:
    """How many decimals amounts in `currency` have: 2 in GBP, 0 in JPY, 3 in KWD."""
    return _DECIMALS.get(currency, _DECIMALS_OTHERWISE)


def unit_of(currency: str) -> Decimal:
    """The least amount above nothing: 0.01 in GBP, 1 in JPY."""
    return _UNIT_OF.get(currency, _UNIT_OTHERWISE)


def in_full(amount: Decimal, currency: str) -> Decimal:
    """`amount` with all decimals of its currency, and more only where they say something.

    Never rounded: what was sold before decimals went by the currency may have more than it has.
    """
    whole = amount.quantize(unit_of(currency))
    return whole if whole == amount else amount.normalize()


def most_in(currency: str, most: Decimal) -> Decimal:
    """The largest amount in `currency` up to `most`."""
    return most.quantize(unit_of(currency), ROUND_FLOOR)


def unknown(currency: str | None, field: str = "currency") -> Iterator[Violation]:
    """The violation of a currency that was named, and is none."""
    if currency is not None and not is_known(currency):
        yield Violation(field, "must be a currency of ISO 4217, such as GBP")


def too_fine(amount: Decimal | None, currency: str, field: str) -> Iterator[Violation]:
    """The violation of an amount that was written with more decimals than its currency has."""
    most = decimals_of(currency)
    if amount is not None and -int(amount.as_tuple().exponent) > most:
        yield Violation(field, f"may have {in_words(most)} in {currency}")


def in_words(decimals: int) -> str:
    """How many decimals an amount may have."""
    if decimals == 0:
        return "no decimals"
    return "1 decimal at most" if decimals == 1 else f"{decimals} decimals at most"
