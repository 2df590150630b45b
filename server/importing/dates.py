"""Reads the times of a file: ISO 8601, and what spreadsheets make of it, such as 12/1/2010 8:26."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Order = Literal["month-first", "day-first"]

_SLASHED = re.compile(
    r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4}|\d{2})"
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second_of_minute>\d{2}))?"
    r"(?:\s?(?P<half>[AP])M)?)?",
    re.ASCII | re.IGNORECASE,
)
_CENTURY = 2000  # of years with two digits
_NAMES = {"month-first": "month/day/year", "day-first": "day/month/year"}


@dataclass(frozen=True, slots=True)
class Dates:
    """How the times of one file are read. `said` tells a person; empty when all are ISO 8601."""

    order: Order = "month-first"
    said: str = ""

    def moment(self, text: str) -> datetime:
        """The time that `text` tells, in UTC, which counts where it tells no zone.

        Raises `ValueError`, and `OverflowError` for one that is out of range in UTC.
        """
        found = _SLASHED.fullmatch(text)
        if found is None:
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        first, second, year = (int(found[name]) for name in ("first", "second", "year"))
        month, day = (first, second) if self.order == "month-first" else (second, first)
        hour, minute = int(found["hour"] or 0), int(found["minute"] or 0)
        if found["half"]:
            if not 1 <= hour <= 12:
                raise ValueError("no hour of a half day")
            hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
        if len(found["year"]) == 2:
            year += _CENTURY
        of_minute = int(found["second_of_minute"] or 0)
        return datetime(year, month, day, hour, minute, of_minute, tzinfo=UTC)


def understand(cells: Iterable[str], wanted: Order | None = None) -> Dates:
    """How to read the times in `cells`: as `wanted`, else as the days above 12 among them tell."""
    slashed = [(cell, found) for cell in cells if (found := _SLASHED.fullmatch(cell))]
    if not slashed:
        return Dates(wanted or "month-first")
    proof: dict[Order, str] = {}
    for cell, found in slashed:
        if int(found["second"]) > 12:
            proof.setdefault("month-first", cell)
        if int(found["first"]) > 12:
            proof.setdefault("day-first", cell)
    order: Order = wanted or "month-first"
    if not wanted and len(proof) == 1:
        (order,) = proof
    said = f"Dates such as {slashed[0][0]} are read as {_NAMES[order]}: {_why(proof, wanted)}."
    return Dates(order, said)


def _why(proof: dict[Order, str], wanted: Order | None) -> str:
    if wanted:
        return "so it was asked for"
    match list(proof.values()):
        case [cell]:
            return f"{cell} can be nothing else"
        case [cell, other]:
            return f"{cell} and {other} cannot both be; name the right order with --dates"
    return "nothing in the file tells; if that is wrong, say --dates day-first"
