"""The return and its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from server.kit import errors
from server.order.orders.rules import Act, Actor

RETURNS_MAX = 50
"""How many returns an order may have."""

LISTED_ITEMS_MAX = 20
"""How many items of each return a list shows."""

PAGE_ITEMS_MAX = 500
"""How many items of all its returns a page shows."""


class ReturnNotFound(errors.NotFound):
    """No such return, or not the caller's to see."""

    reason = "RETURN_NOT_FOUND"


class NotReturnable(errors.Conflict):
    """Nothing of the order can be sent back."""

    reason = "ORDER_NOT_RETURNABLE"


class ReturnTooLate(errors.Conflict):
    """The order was delivered longer ago than the shop takes returns."""

    reason = "RETURN_TOO_LATE"


class ExceedsShipped(errors.Conflict):
    """More of a line is sent back, or came, than is left of it."""

    reason = "RETURN_EXCEEDS_SHIPPED"


class TooManyReturns(errors.Conflict):
    """The order has as many returns as one may have."""

    reason = "TOO_MANY_RETURNS"


class IllegalReturnMove(errors.Conflict):
    """The return's status has no transition to that one."""

    reason = "ILLEGAL_RETURN_MOVE"


class RefundTooLarge(errors.Conflict):
    """More is to be given back than what was accepted cost, or than is left of what was paid."""

    reason = "RETURN_REFUND_TOO_LARGE"


class RefundInProgress(errors.Conflict):
    """A refund of the return is under way."""

    reason = "RETURN_REFUND_IN_PROGRESS"


class Status(StrEnum):
    """The state of a return."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    RECEIVED = "RECEIVED"
    REFUNDED = "REFUNDED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


EXPECTED = frozenset({Status.REQUESTED, Status.APPROVED})
"""The states in which it may still come."""


class Reason(StrEnum):
    """Why something is sent back."""

    DEFECTIVE = "DEFECTIVE"
    WRONG_ITEM = "WRONG_ITEM"
    NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED"
    UNWANTED = "UNWANTED"
    OTHER = "OTHER"


class EventType(StrEnum):
    """What happened to a return."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    RECEIVED = "RECEIVED"
    REFUNDED = "REFUNDED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    UPDATED = "UPDATED"  # without a change of its status


class Part(NamedTuple):
    """So many of a line of an order; positions count from 1."""

    position: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a line of an order that are sent back, and what came of them."""

    position: int
    quantity: int
    accepted: int = 0
    refused: int = 0
    restocked: int = 0  # of the accepted
    refundable: Decimal = Decimal(0)  # what the accepted cost

    def counted(self, status: Status) -> int:
        """How many of the order's line it takes up, in a return of that status."""
        return self.quantity if status in EXPECTED else self.accepted + self.refused


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a return's status."""

    id: str
    before: Status | None  # None: it was asked for
    after: Status
    actor: Actor
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Return:
    """A return. Amounts are in `currency`, its order's."""

    id: str
    order_id: str
    user_id: str | None  # the buyer; None once erased
    status: Status
    items: Sequence[Line]  # by their positions
    reason: Reason
    comment: str
    currency: str
    refundable: Decimal
    refunded: Decimal
    open_refunds: int  # of which the provider has not answered
    asked: Decimal  # what is given back in all, once these are done
    history: Sequence[Move]  # as it occurred
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change; to be anonymous has no version, because it has no event."""
        return f"{self.version}-anonymous" if self.user_id is None else str(self.version)


class ListedReturn(NamedTuple):
    """A return as a list shows it."""

    returned: Return  # its `items` are the first, as many as `listed_items` says at most
    item_count: int


def listed_items(per_page: int) -> int:
    """How many items of each return a page of so many shows."""
    return min(LISTED_ITEMS_MAX, PAGE_ITEMS_MAX // per_page)


@dataclass(frozen=True, slots=True)
class NewReturn:
    """A return as the caller asks for it."""

    id: str
    parts: Sequence[Part]  # none: all that can be sent back
    reason: Reason
    comment: str


class Sent(NamedTuple):
    """What an order has to send back."""

    left: Mapping[int, int]  # how many of each line, by its position
    delivered_at: datetime | None  # None: not all of it was
    returns: int  # how many it has


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a line."""

    position: int
    accepted: int
    refused: int
    restock: bool | None = None  # None: as all others


@dataclass(frozen=True, slots=True)
class Edit:
    """A move of a return as the caller asks for it."""

    status: Status
    etag: str  # empty: whatever the etag is
    judged: Sequence[Judged] = ()  # none: all came, and is accepted
    restock: bool | None = None
    refund_amount: Decimal | None = None  # None: as much as there is


@dataclass(frozen=True, slots=True)
class ReturnEvent:
    """One change of a return. Its version is `returned.version`."""

    id: str
    type: EventType
    returned: Return
    occurred_at: datetime
    traceparent: str | None
    reason: str = ""


class ReturnChanged(NamedTuple):
    """A return after a change, and the event of it; None when nothing was changed."""

    returned: Return
    event: ReturnEvent | None


def stamped(returned: Return, act: Act, status: Status | None = None) -> ReturnChanged:
    """`returned` with the time and version of a change, in a new status if there is one."""
    at = max(act.at, returned.updated_at)
    after = replace(returned, updated_at=at, version=returned.version + 1)
    type_ = EventType.UPDATED
    if status is not None:
        move = Move(act.event_id, returned.status, status, act.actor, act.reason, at)
        after = replace(after, status=status, history=(*returned.history, move))
        type_ = EventType(status)
    told = act.reason if status else ""
    event = ReturnEvent(act.event_id, type_, after, at, act.traceparent, told)
    return ReturnChanged(after, event)
