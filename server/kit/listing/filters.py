"""What callers write into the filters of a list."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from enum import Enum
from typing import TypeVar

from server.kit import errors
from server.kit.call.choices import must_be

E = TypeVar("E", bound=Enum)

WORDS_MAX = 8

# All of ASCII but letters and digits. What else separates words, NFKC makes a space of.
_BETWEEN_WORDS = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")

_SPACE_OF_AN_OFFSET = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:[0-9]{2}$)")


def moment(text: str, field: str) -> datetime | None:
    """A filter's moment: a date (midnight UTC) or RFC 3339. Raises `InvalidFilter`."""
    if not text:
        return None
    try:
        if "W" in text:
            raise ValueError("a week")  # ISO 8601 has week dates, RFC 3339 does not
        if len(text) == len("2024-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        # In a query that was typed by hand the plus of an offset is one, and arrives as a space.
        parsed = datetime.fromisoformat(_SPACE_OF_AN_OFFSET.sub("+", text))
        if parsed.tzinfo is None:
            raise ValueError("no time zone")
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise errors.InvalidFilter(
            "must be a date such as 2024-01-01, or RFC 3339", field=field
        ) from error


def choice(text: str, field: str, choose: Callable[[str], E], allowed: Sequence[E]) -> E | None:
    """A filter's word, in any case, as one of `allowed`. Raises `InvalidFilter`."""
    if not text:
        return None
    try:
        member = choose(text.upper() if text.isascii() else text)
    except ValueError:
        member = None
    if member not in allowed:
        words = must_be(each.value for each in allowed)
        raise errors.InvalidFilter(f"{field}: {words}", field=field)
    return member


def words(text: str, field: str) -> str | None:
    """The words of a filter, normalised by NFKC, one space between. Raises `InvalidFilter`."""
    if not text:
        return None
    found = [each for each in _BETWEEN_WORDS.split(unicodedata.normalize("NFKC", text)) if each]
    if not 1 <= len(found) <= WORDS_MAX:
        raise errors.InvalidFilter(f"{field}: must hold 1 to {WORDS_MAX} words", field=field)
    return " ".join(found)
