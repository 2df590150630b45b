"""What an order's history tells: each change of its status, by whom, when and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from server.order.orders.rules.order import Status


class ActorKind(StrEnum):
    """As what somebody acted on an order."""

    BUYER = "BUYER"
    STAFF = "STAFF"
    SERVICE = "SERVICE"
    JOB = "JOB"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted on an order.

    `name` is an account's id for STAFF, None once it was erased; what SERVICE and JOB are called;
    and None for BUYER: the order knows who that is.
    """

    kind: ActorKind
    name: str | None = None


def person(caller_id: str, buyer_id: str | None) -> Actor:
    """The caller as who acts on an order of `buyer_id`: staff on their own orders are buyers."""
    if caller_id == buyer_id:
        return Actor(ActorKind.BUYER)
    return Actor(ActorKind.STAFF, caller_id)


@dataclass(frozen=True, slots=True)
class Act:
    """By whom, when and why an order is changed, and the id that the event of it has."""

    event_id: str
    at: datetime
    actor: Actor
    traceparent: str | None = None
    reason: str = ""  # as the actor gave it
    is_staff: bool = False  # whether the actor may do what staff may, also of their own orders


@dataclass(frozen=True, slots=True)
class Move:
    """A change of an order's status: an event of the order, as its history keeps it."""

    before: Status | None  # None: the order was placed
    after: Status
    actor: Actor
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PastMove:
    """A move as it is read from the history."""

    id: str  # the event's
    before: Status | None  # None: the order was placed, or it is not known any more
    after: Status
    actor: Actor | None  # None: moved before histories were kept
    reason: str
    occurred_at: datetime
