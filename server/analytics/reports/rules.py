"""What a report covers and contains. Pure: time and ids are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from server.analytics.sales.rules import Figures, Period, SalesDay, summed
from server.kit import currencies, errors


def period(first: str, last: str) -> Period:
    """The days that two dates such as `2010-12-01` enclose. Raises `InvalidFilter`."""
    asked = Period(_day(first, "from"), _day(last, "to"))
    if asked.first and asked.last and asked.first > asked.last:
        raise errors.InvalidFilter("is before from", field="to")
    return asked


DAYS_MAX = 3_660
"""How many days with sales a report may have: ten years of them."""


def check_length(days: Sequence[SalesDay]) -> None:
    """Raises `InvalidFilter` when there are more days than a report may have."""
    if len(days) > DAYS_MAX:
        raise errors.InvalidFilter(
            f"there are more than {DAYS_MAX} days of sales; ask for a shorter time", field="from"
        )


def check_currency(currency: str, days: Sequence[SalesDay]) -> None:
    """Raises `Invalid` for a currency that is none, unless something was sold in it.

    A code that has left ISO 4217 since is good for what was sold until then.
    """
    if not days:
        errors.Invalid.check(currencies.unknown(currency))


def _day(text: str, field: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise errors.InvalidFilter("must be a day such as 2024-01-01", field=field) from error


@dataclass(frozen=True, slots=True)
class SalesReport:
    """Days with sales, in order of time, in one currency."""

    currency: str
    days: Sequence[SalesDay]

    @property
    def total(self) -> Figures:
        """The sum of the days."""
        return summed([day.sales for day in self.days])
