"""Compares a plan's sums with the sales report, per day and in total."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from emporium import Emporium, SalesReport
from server.importing.plan import Plan
from server.importing.records import Sums
from server.importing.retries import retried

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Compared:
    """The sums of file and report for one day, or for all."""

    day: str  # `2010-12-01`, or `total`
    file: Sums
    report: Sums

    @property
    def agree(self) -> bool:
        """Whether they are equal."""
        return self.file == self.report


async def compare(
    plan: Plan, shop: Emporium, currency: str, timeout_seconds: float
) -> Sequence[Compared]:
    """Each day from the file's first to its last, then the total.

    The report lags the orders by about a second, and by more after an outage; it is read again
    until it agrees or `timeout_seconds` are over. Raises `RetriesExhausted` when it cannot be read.
    """
    days = plan.days
    if not days:
        return []
    give_up_at = time.monotonic() + timeout_seconds
    while True:
        report = await retried(lambda: shop.reports.sales(min(days), max(days), currency=currency))
        compared = _beside(plan, report)
        if all(each.agree for each in compared) or time.monotonic() > give_up_at:
            return compared
        # Polled, because nothing announces a change of the report.
        await asyncio.sleep(POLL_SECONDS)


def _beside(plan: Plan, report: SalesReport) -> list[Compared]:
    filed = {day.isoformat(): sums for day, sums in plan.days.items()}
    reported = {day.day: _sums(day.sales) for day in report.days}
    return [
        *(
            Compared(day, filed.get(day, Sums()), reported.get(day, Sums()))
            for day in sorted({*filed, *reported})
        ),
        Compared("total", plan.total, _sums(report.total)),
    ]


def _sums(sales: Any) -> Sums:
    # A file has cancellations only, so refunds are counted as such.
    return Sums(
        sales.orders,
        sales.units,
        Decimal(sales.gross),
        Decimal(sales.cancelled) + Decimal(sales.refunded),
    )
