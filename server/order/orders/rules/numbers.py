"""The numbers of orders, as people read them out.

A number is eight symbols and a ninth that checks them. Numbers are drawn by chance from 2^40, so
none tells how many orders there are, and nobody guesses another's.
"""

from server.kit import errors

NUMBERS = 2**40
"""Numbers are 0 or more, and below this."""

# Crockford's base 32: digits and letters, without those that look like another.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("ILO", "110")
_VALUES = {symbol: value for value, symbol in enumerate(_SYMBOLS)}
_BETWEEN = str.maketrans("", "", "- ")
_LENGTH, _GROUP = 9, 3
_EXAMPLE = "3JZ-9J6-GMQ"

# x^5 + x^2 + 1, which makes a field of the 32 symbols.
_FIELD = 0b100101


class OrderNumberMistyped(errors.Invalid):
    """No order has that number: its last symbol does not fit the others, or it is no number."""

    reason = "ORDER_NUMBER_MISTYPED"


class OrderNumberTaken(errors.Conflict):
    """Another order has that number by chance; the next one drawn is another."""

    reason = "CONFLICT"


def spelled(number: int) -> str:
    """`number` as people read it, in three groups."""
    data = [number >> shift & 31 for shift in range(35, -1, -5)]
    text = "".join(_SYMBOLS[value] for value in (*data, _check(data)))
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def number_of(text: str, field: str) -> int | None:
    """The number that somebody has typed, in any case, with or without hyphens; None for nothing.

    I and L are taken for 1, and O for 0. Raises `OrderNumberMistyped`.
    """
    if not text:
        return None
    symbols = text.translate(_BETWEEN).upper().translate(_LOOK_ALIKES) if text.isascii() else ""
    values = [_VALUES.get(symbol, -1) for symbol in symbols]
    if len(values) != _LENGTH or -1 in values:
        raise OrderNumberMistyped(
            f"{field}: must be {_LENGTH} letters and digits, such as {_EXAMPLE}", field=field
        )
    if _check(values):
        raise OrderNumberMistyped(
            f"{field}: is mistyped, because its last symbol does not fit the others", field=field
        )
    number = 0
    for value in values[:-1]:
        number = number << 5 | value
    return number


def _check(values: list[int]) -> int:
    """The symbol that checks `values`; 0 for values with the right one at their end.

    Damm's scheme over the field: each step doubles, and so finds any one wrong symbol, any two
    neighbours or next but one that were exchanged, and a double symbol typed as another one.
    """
    check = 0
    for value in values:
        check = (check ^ value) << 1
        if check & 32:
            check ^= _FIELD
    return check
