"""Moves of an order from one status to another: a function for each that is more than the move."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from server.kit import errors
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Act, Actor, ActorKind, Move
from server.order.orders.rules.order import Order, Status

MOVES: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.CANCELLED}),
    Status.PAID: frozenset({Status.SHIPPED, Status.REFUNDED}),
    Status.SHIPPED: frozenset({Status.DELIVERED, Status.REFUNDED}),
    Status.DELIVERED: frozenset({Status.REFUNDED}),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}


class IllegalStatusMove(errors.Conflict):
    """The order's status has no transition to that one."""

    reason = "ILLEGAL_STATUS_MOVE"


class Changed(NamedTuple):
    """An order after a change, and the event of it; None when nothing was changed."""

    order: Order
    event: OrderEvent | None


def expired(order: Order, event_id: str, now: datetime) -> Changed:
    """`order`, which was not paid in time, cancelled."""
    by_the_clock = Actor(ActorKind.JOB, "order_expiry")
    return moved(order, Status.CANCELLED, Act(event_id, now, by_the_clock))


def moved(order: Order, status: Status, act: Act) -> Changed:
    """`order` in another status. Raises `IllegalStatusMove`."""
    check_move(order, status, act)
    move = Move(order.status, status, act.actor, act.reason)
    # The event of a transition has the name of the new status.
    return stamped(replace(order, status=status), EventType(status), act, move)


def check_move(order: Order, status: Status, act: Act) -> None:
    """Raises `IllegalStatusMove`.

    A historical order begins as PAID. Staff may cancel it nevertheless, also their own: so it was
    then.
    """
    was_cancelled = (
        order.is_historical
        and (order.status, status) == (Status.PAID, Status.CANCELLED)
        and (act.is_staff or act.actor.kind is ActorKind.STAFF)
    )
    if status not in MOVES[order.status] and not was_cancelled:
        raise IllegalStatusMove(f"{order.status} cannot become {status}", field="status")


def stamped(order: Order, type_: EventType, act: Act, move: Move | None = None) -> Changed:
    """`order` with the time and the version of the change that was made of it, and its event.

    Of two calls the first may have come with the later time: what happened later is never earlier.
    """
    at = max(act.at, order.updated_at)
    after = replace(order, updated_at=at, version=order.version + 1)
    return Changed(
        after, OrderEvent(act.event_id, type_, after, after.version, at, act.traceparent, move)
    )
