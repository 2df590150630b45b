"""What was paid or given back outside of any provider, and what becomes of payments of an order
that was cancelled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from server.order.orders.rules import Act, Actor, Changed, Order, OrderEvent
from server.order.payments.rules.beginning import Ask, Step, operation_of
from server.order.payments.rules.payment import (
    EXTERNAL,
    EventType,
    Kind,
    Payment,
    PaymentEvent,
    PaymentInProgress,
    Progress,
    Status,
    entries,
)
from server.order.payments.rules.settling import NewId, undoing


def recorded(
    order: Order, amount: Decimal, actor: Actor, at: datetime, new_id: NewId, trace: str | None
) -> Step:
    """The payment that staff say was made."""
    payment_id = new_id()
    payment = Payment(
        id=payment_id,
        order_id=order.id,
        provider=EXTERNAL,
        status=Status.CAPTURED,
        amount=amount,
        captured=amount,
        refunded=Decimal(0),
        currency=order.currency,
        captures=True,
        decline_reason="",
        in_progress=False,
        created_at=at,
        updated_at=at,
        version=1,
    )
    asked = operation_of(payment, Ask(payment_id, Kind.CHARGE), amount, Act("", at, actor))
    operation = replace(asked, status=Progress.DONE, settled_at=at)
    event = PaymentEvent(new_id(), EventType.CAPTURED, payment, at, trace)
    entered = entries(operation, order.currency, at)
    return Step(Changed(order, None), payment, operation, event, entered)


def followed(
    before: Order, event: OrderEvent, payments: Sequence[Payment], new_id: NewId
) -> Iterator[Step]:
    """What the move of an order, which was `before`, means for its payments.

    Raises `PaymentInProgress` for what was given back while the provider is asked for it, too.
    """
    order, at, move = event.order, event.occurred_at, event.move
    assert move is not None, "only moves are followed"
    if order.captured > before.captured:
        amount = order.captured - before.captured
        yield recorded(order, amount, move.actor, at, new_id, event.traceparent)
    elif order.refunded > before.refunded:
        for payment in payments:
            yield from _given_back(order, payment, event, new_id)
    elif event.type == "CANCELLED":
        for payment in payments:
            if not payment.in_progress and (operation := undoing(payment, new_id(), at)):
                under_way = replace(payment, in_progress=True)
                yield Step(Changed(order, None), under_way, operation)


def _given_back(order: Order, payment: Payment, event: OrderEvent, new_id: NewId) -> Iterator[Step]:
    at, move = event.occurred_at, event.move
    assert move is not None
    if payment.in_progress:
        raise PaymentInProgress("a change of the payment is under way; try again")
    if not payment.left:
        return
    ask = Ask(new_id(), Kind.REFUND, reason=move.reason)
    asked = operation_of(payment, ask, payment.left, Act("", at, move.actor))
    operation = replace(asked, provider=EXTERNAL, status=Progress.DONE, settled_at=at)
    after = replace(
        payment,
        refunded=payment.captured,
        refunded_externally=payment.refunded_externally
        + (payment.left if payment.provider != EXTERNAL else 0),
        status=Status.REFUNDED,
        version=payment.version + 1,
        updated_at=max(at, payment.updated_at),
    )
    told = PaymentEvent(new_id(), EventType.REFUNDED, after, at, event.traceparent)
    entered = entries(operation, order.currency, at)
    yield Step(Changed(order, None), after, operation, told, entered)
