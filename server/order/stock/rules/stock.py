"""The stock of a product, and what moves it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

ON_HAND_MAX = 1_000_000_000
"""How many of a product can be on hand, or reserved."""


class Kind(StrEnum):
    """What has moved a stock."""

    ADJUSTED = "ADJUSTED"
    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    RESTOCKED = "RESTOCKED"


class Reason(StrEnum):
    """Why somebody has adjusted it."""

    RECEIVED = "RECEIVED"
    RETURNED = "RETURNED"
    COUNTED = "COUNTED"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    OTHER = "OTHER"


class EventType(StrEnum):
    """What others are told of a stock."""

    RAN_LOW = "RAN_LOW"
    CAME_BACK = "CAME_BACK"


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of a product."""

    product_id: str
    on_hand: int = 0
    reserved: int = 0
    low_stock_at: int | None = None  # None: it never runs low
    tracked: bool = False
    backorders: bool = False
    version: int = 0  # counts what was set by somebody; 0: nobody has decided anything yet
    movements: int = 0  # counts them
    events: int = 0  # counts them
    updated_at: datetime | None = None  # None: nothing is stored

    @property
    def available(self) -> int:
        """How many can be ordered; below zero, so many are owed."""
        return self.on_hand - self.reserved

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f"{self.version}-{self.movements}"

    @property
    def can_be_ordered(self) -> bool:
        """Whether there is one for whoever comes next."""
        return not self.tracked or self.backorders or self.available > 0

    @property
    def is_low(self) -> bool:
        """Whether somebody should order more."""
        return (
            self.tracked and self.low_stock_at is not None and self.available <= self.low_stock_at
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Why stocks move."""

    at: datetime
    order_id: str | None = None  # None: somebody has adjusted it
    actor_id: str | None = None
    reason: Reason | None = None
    note: str = ""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of `on_hand` and `reserved`, and what they were then."""

    product_id: str
    number: int  # from 1, without a gap in a product
    kind: Kind
    on_hand_delta: int
    reserved_delta: int
    on_hand: int
    reserved: int
    order_id: str | None
    actor_id: str | None
    reason: Reason | None
    note: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StockEvent:
    """Something that a stock has become. Its version is `stock.events`."""

    type: EventType
    stock: Stock
    occurred_at: datetime
    traceparent: str | None


class Change(NamedTuple):
    """A stock after a change; the movement and the event that belong to it, if any."""

    stock: Stock
    movement: Movement | None
    event: StockEvent | None


def moved(
    before: Stock, kind: Kind, cause: Cause, *, on_hand: int = 0, reserved: int = 0
) -> Change:
    """`before` with so many more on hand and reserved."""
    after = replace(
        before,
        on_hand=before.on_hand + on_hand,
        reserved=before.reserved + reserved,
        movements=before.movements + 1,
        updated_at=cause.at,
    )
    movement = Movement(
        product_id=after.product_id,
        number=after.movements,
        kind=kind,
        on_hand_delta=on_hand,
        reserved_delta=reserved,
        on_hand=after.on_hand,
        reserved=after.reserved,
        order_id=cause.order_id,
        actor_id=cause.actor_id,
        reason=cause.reason,
        note=cause.note,
        created_at=cause.at,
    )
    return told(before, after, movement, cause)


def told(before: Stock, after: Stock, movement: Movement | None, cause: Cause) -> Change:
    """The change from `before` to `after`, with an event when that crosses a line."""
    type_ = None
    if after.is_low and not before.is_low:
        type_ = EventType.RAN_LOW
    elif after.can_be_ordered and not before.can_be_ordered:
        type_ = EventType.CAME_BACK
    if type_ is None:
        return Change(after, movement, None)
    after = replace(after, events=after.events + 1)
    return Change(after, movement, StockEvent(type_, after, cause.at, cause.traceparent))
