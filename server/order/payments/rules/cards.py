"""Card numbers, which have no business here."""

import re
import unicodedata
from collections.abc import Mapping

from server.kit import errors

# Side by side they are one wherever they stand. In groups, as people write them, they are one by
# themselves: a UUID has groups of digits too, and letters at one of its ends.
_SIDE_BY_SIDE = re.compile(r"(?<![0-9])[0-9]{13,19}(?![0-9])")
_BETWEEN = r"[\s\-\u2010-\u2015._,/]"
_IN_GROUPS = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)(?<![0-9]{_BETWEEN})"
    rf"[0-9](?:{_BETWEEN}{{0,3}}[0-9]){{12,18}}"
    rf"(?![0-9A-Za-z])(?!-[0-9A-Za-z])(?!{_BETWEEN}[0-9])"
)
_NOT_DIGITS = re.compile(r"[^0-9]")
# Milliseconds of Unix time, of which many make their keys: no card has 13 digits and that first.
_IS_TIME = re.compile(r"1[0-9]{12}").fullmatch


class CardNumberRefused(errors.Invalid):
    """A text of the request looks like a card number."""

    reason = "CARD_NUMBER_REFUSED"


def refuse_card_numbers(texts: Mapping[str, str]) -> None:
    """Raises `CardNumberRefused`, which names the field, and never repeats what stands there."""
    for field, text in texts.items():
        if has_card_number(text):
            raise CardNumberRefused(
                f"{field}: looks like a card number; send the provider's token instead",
                field=field,
            )


def has_card_number(text: str) -> bool:
    """Whether 13 to 19 digits of it, side by side or in groups, pass Luhn's check."""
    text = unicodedata.normalize("NFKC", text)  # full-width digits are digits
    found = [_NOT_DIGITS.sub("", each) for each in _IN_GROUPS.findall(text)]
    return any(
        _passes_luhn(digits) and not _IS_TIME(digits)
        for digits in (*found, *_SIDE_BY_SIDE.findall(text))
    )


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
