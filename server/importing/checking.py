"""A plan's sums beside the sales report, per day and in total."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from emporium import Emporium, SalesReport
from server.importing.patience import patiently
from server.importing.plan import Plan
from server.importing.records import Sums

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Compared:
    """What file and report say of one day, or of all."""

    day: str  # `2010-12-01`, or `total`
    file: Sums
    report: Sums

    @property
    def agree(self) -> bool:
        """Whether they say the same, to the penny and to the order."""
        return self.file == self.report


async def compare(
    plan: Plan, shop: Emporium, currency: str, patience_seconds: float
) -> Sequence[Compared]:
    """Each day from the file's first to its last, then the total.

    The report follows the orders by about a second, and by more after a bad day; it is read again
    until it agrees or `patience_seconds` are over. Raises `OutOfPatience` when it cannot be read.
    """
    days = plan.days
    if not days:
        return []
    give_up_at = time.monotonic() + patience_seconds
    while True:
        report = await patiently(
            lambda: shop.reports.sales(min(days), max(days), currency=currency)
        )
        compared = _beside(plan, report)
        if all(each.agree for each in compared) or time.monotonic() > give_up_at:
            return compared
        # The report has no way to call us when it changes.
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
    # What was paid back has been taken off as well, and a file knows nothing of it.
    return Sums(
        sales.orders,
        sales.units,
        Decimal(sales.gross),
        Decimal(sales.cancelled) + Decimal(sales.refunded),
    )
