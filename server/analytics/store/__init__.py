"""Where events and figures are kept: the contracts that a store fulfils.

Every method raises `Unavailable` when the database is away and `DeadlineExceeded` when it is too
slow. Then nothing is half-written, but the whole may have been.
"""

from collections.abc import Sequence
from typing import Protocol

from server.analytics.rules import Event, OrderEvent, Period, SalesDay


class SalesStore(Protocol):
    """What became of orders, and the daily figures that follow from it."""

    async def record(self, events: Sequence[OrderEvent]) -> int:
        """Counts each event that was not counted before, all of them or none.

        Gives how many were new. An id counts once, however often it comes: in this batch, in
        batches before, and in batches under way at the same time, here and in other processes.
        Raises `Conflict` when those keep getting in each other's way.
        """

    async def days(self, currency: str, period: Period) -> Sequence[SalesDay]:
        """The days that have figures, in order of time."""


class EventStore(Protocol):
    """What people did in the shop."""

    async def record(self, event: Event) -> Event | None:
        """Keeps `event`, or gives the one that was kept under its id before."""
