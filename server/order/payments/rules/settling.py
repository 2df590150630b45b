"""What a provider's answer makes of a payment and of its order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from server.order.orders.rules import Act, Actor, ActorKind, Order, paid
from server.order.orders.rules import Status as OrderStatus
from server.order.payments.rules.beginning import Ask, Step, operation_of
from server.order.payments.rules.payment import (
    EventType,
    Kind,
    Operation,
    Payment,
    PaymentEvent,
    Progress,
    Status,
    entries,
)

NewId = Callable[[], str]

BY_THE_SHOP = Actor(ActorKind.JOB, "payments")
"""Who lets go and gives back what the payments of a cancelled order have."""

_MOVED = frozenset({Kind.CAPTURE, Kind.REFUND})


class Outcome(NamedTuple):
    """What the provider says of an operation: done, or refused for that reason."""

    is_done: bool
    reason: str = ""


def settled(
    order: Order,
    payment: Payment,
    operation: Operation,
    outcome: Outcome,
    new_id: NewId,
    now: datetime,
) -> Step:
    """`payment` and `order` once the provider has answered for `operation`, which is open."""
    at = max(now, payment.updated_at)
    over = replace(
        operation,
        status=Progress.DONE if outcome.is_done else Progress.REFUSED,
        settled_at=at,
    )
    after, amounts, type_ = _settled(order, payment, operation, outcome)
    after = replace(after, in_progress=False, updated_at=at)
    event = None
    if type_:
        after = replace(after, version=payment.version + 1)
        event = PaymentEvent(new_id(), type_, after, at)
    act = Act(new_id(), at, operation.by, None, operation.reason)
    changed = paid(order, amounts, act, operation.restock)
    entered = []
    if outcome.is_done and (operation.kind in _MOVED or after.captured > payment.captured):
        entered = entries(operation, payment.currency, at)
    following = None
    # What the provider has refused to undo is not asked for again and again.
    is_refused = not outcome.is_done and operation.by == BY_THE_SHOP
    if changed.order.status is OrderStatus.CANCELLED and not is_refused:
        following = undoing(after, new_id(), at)
    if following:
        after = replace(after, in_progress=True)
    return Step(changed, after, over, event, entered, following)


def undoing(payment: Payment, operation_id: str, at: datetime) -> Operation | None:
    """What is asked of the provider because the order is cancelled; None: it has nothing."""
    act = Act("", at, BY_THE_SHOP)
    if payment.status is Status.AUTHORIZED:
        return operation_of(payment, Ask(operation_id, Kind.VOID), payment.amount, act)
    if payment.left:
        return operation_of(payment, Ask(operation_id, Kind.REFUND), payment.left, act)
    return None


def _settled(
    order: Order, payment: Payment, operation: Operation, outcome: Outcome
) -> tuple[Payment, Order, EventType | None]:
    """The payment, the order with what it is paid, and what has happened."""
    if operation.kind is Kind.CHARGE:
        return _charged(order, payment, outcome)
    if not outcome.is_done:
        return payment, order, None
    if operation.kind is Kind.REFUND:
        refunded = payment.refunded + operation.amount
        is_whole = refunded == payment.captured
        after = replace(
            payment,
            refunded=refunded,
            status=Status.REFUNDED if is_whole else Status.PARTIALLY_REFUNDED,
        )
        paid_back = replace(order, refunded=order.refunded + operation.amount)
        return after, paid_back, EventType.REFUNDED
    let_go = replace(order, authorized=order.authorized - payment.amount)
    if operation.kind is Kind.VOID:
        return replace(payment, status=Status.VOIDED), let_go, EventType.VOIDED
    return (
        replace(payment, status=Status.CAPTURED, captured=operation.amount),
        replace(let_go, captured=order.captured + operation.amount),
        EventType.CAPTURED,
    )


def _charged(
    order: Order, payment: Payment, outcome: Outcome
) -> tuple[Payment, Order, EventType | None]:
    answered = replace(order, payments_pending=order.payments_pending - payment.amount)
    if not outcome.is_done:
        declined = replace(
            payment, status=Status.DECLINED, decline_reason=outcome.reason or "declined"
        )
        return declined, answered, EventType.DECLINED
    if not payment.captures:
        held = replace(answered, authorized=order.authorized + payment.amount)
        return replace(payment, status=Status.AUTHORIZED), held, EventType.AUTHORIZED
    return (
        replace(payment, status=Status.CAPTURED, captured=payment.amount),
        replace(answered, captured=order.captured + payment.amount),
        EventType.CAPTURED,
    )
