"""Filters of lists: what callers write, and what becomes of it."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from server.kit import errors
from server.kit.listing.filters import choice, moment, words


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("2024-01-02", datetime(2024, 1, 2, tzinfo=UTC)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.678Z", datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)),
        (
            "2024-01-02T03:04:05+05:30",
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
        # Typed into a query by hand, where a plus is a space.
        (
            "2024-01-02T03:04:05 05:30",
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ),
    ],
)
def test_a_moment_is_a_date_or_rfc_3339(text: str, at: datetime | None) -> None:
    assert moment(text, "created_after") == at


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2024-13-01",
        "2024-02-30",
        "2024-01-02T03:04:05",
        "2024-01-02 03:04",
        "0001-01-01T00:00:00+05:00",
        "2024-W01-1",
        "1704164645",
        "2024-01-02T25:00:00Z",
    ],
)
def test_any_other_moment_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidFilter) as refused:
        moment(text, "created_after")
    assert refused.value.violations[0].field == "created_after"


class Colour(StrEnum):
    """Something to choose."""

    RED = "RED"
    GREEN = "GREEN"
    SECRET = "SECRET"


PUBLIC_COLOURS = (Colour.RED, Colour.GREEN)


@pytest.mark.parametrize(
    ("text", "colour"), [("", None), ("red", Colour.RED), ("RED", Colour.RED), ("Red", Colour.RED)]
)
def test_a_choice_is_one_of_the_words_in_any_case(text: str, colour: Colour | None) -> None:
    assert choice(text, "colour", Colour, PUBLIC_COLOURS) is colour


@pytest.mark.parametrize(
    "text", ["blue", "secret", " red", "\0", "\N{LATIN SMALL LETTER LONG S}ecret"]
)
def test_any_other_word_is_refused_and_the_words_are_told(text: str) -> None:
    with pytest.raises(errors.InvalidFilter, match=r"^colour: must be one of RED, GREEN$"):
        choice(text, "colour", Colour, PUBLIC_COLOURS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("ann", "ann"),
        ("  Ann,  Lee ", "Ann Lee"),
        ("ann.lee+1@example.com", "ann lee 1 example com"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\uff21\uff4e\uff4e\u3000Lee", "Ann Lee"),
        ("'; DROP TABLE users; --\\", "DROP TABLE users"),
        ("\u65e5\u672c", "\u65e5\u672c"),
    ],
)
def test_words_are_normalised_and_hold_nothing_that_separates(text: str, found: str | None) -> None:
    assert words(text, "q") == found


@pytest.mark.parametrize("text", [" ", "@", "'", "\\", "a b c d e f g h i", "1.2.3.4.5.6.7.8.9"])
def test_no_word_and_too_many_are_refused_by_name(text: str) -> None:
    with pytest.raises(errors.InvalidFilter) as refusal:
        words(text, "q")
    assert [each.field for each in refusal.value.violations] == ["q"]
