"""What a report covers and contains. Pure: time and ids are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add

from server.analytics.sales.rules import Figures, Period, SalesDay
from server.kit import errors


def period(first: str, last: str) -> Period:
    """The days that two dates such as `2010-12-01` enclose. Raises `InvalidFilter`."""
    asked = Period(_day(first, "from"), _day(last, "to"))
    if asked.first and asked.last and asked.first > asked.last:
        raise errors.InvalidFilter(f"'{last}' is before from, '{first}'", field="to")
    return asked


def _day(text: str, field: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise errors.InvalidFilter(f"'{text}' is not a day", field=field) from error


@dataclass(frozen=True, slots=True)
class SalesReport:
    """Days with sales, in order of time, in one currency."""

    currency: str
    days: Sequence[SalesDay]

    @property
    def total(self) -> Figures:
        """The sum of the days."""
        return reduce(add, (day.sales for day in self.days), Figures())
