"""Events of orders, what each adds to the daily figures, and the days that a report covers.

Pure: time and ids are arguments.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID


class Kind(StrEnum):
    """What happened to an order."""

    PLACED = "PLACED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What happened to one order. Effects are differences, so their order does not matter."""

    id: UUID
    kind: Kind
    order_id: UUID
    user_id: UUID
    order_date: datetime
    total_price: Decimal
    currency: str
    units: int
    was_cancelled: bool  # for DELETED
    occurred_at: datetime


class SalesKey(NamedTuple):
    """What figures are grouped by: a currency, and the UTC day of the order's date."""

    currency: str
    day: date


@dataclass(frozen=True, slots=True)
class Figures:
    """Sales figures. Addition is exact, commutative and associative."""

    orders: int = 0
    units: int = 0
    gross: Decimal = Decimal(0)
    cancelled_orders: int = 0
    cancelled: Decimal = Decimal(0)
    refunded_orders: int = 0
    refunded: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """The gross without what was cancelled and refunded."""
        return self.gross - self.cancelled - self.refunded

    def __add__(self, other: Self) -> "Figures":
        return Figures(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        """Whether any figure is not zero; all are zero when a day's orders have been deleted."""
        return self != Figures()


def effect(event: OrderEvent) -> Figures:
    """What `event` adds to the figures of its day."""
    total = event.total_price
    if event.kind is Kind.PLACED:
        return Figures(orders=1, units=event.units, gross=total)
    if event.kind is Kind.CANCELLED:
        return Figures(cancelled_orders=1, cancelled=total)
    if event.kind is Kind.REFUNDED:
        return Figures(refunded_orders=1, refunded=total)
    placed = Figures(orders=-1, units=-event.units, gross=-total)
    if not event.was_cancelled:
        return placed
    return placed + Figures(cancelled_orders=-1, cancelled=-total)


def effects(events: Iterable[OrderEvent]) -> dict[SalesKey, Figures]:
    """What `events` add together, for each currency and day that they touch."""
    summed: dict[SalesKey, Figures] = {}
    for event in events:
        key = SalesKey(event.currency, event.order_date.astimezone(UTC).date())
        summed[key] = summed.get(key, Figures()) + effect(event)
    return summed


@dataclass(frozen=True, slots=True)
class Period:
    """Days to report; both ends are included, and None is open."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class SalesDay:
    """One day's figures."""

    day: date
    sales: Figures
