"""What is written down before a provider is asked: payments, and changes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.order.orders.rules import Act, Changed, Order, left_to_pay, paid
from server.order.orders.rules import Status as OrderStatus
from server.order.orders.rules.order import OrderAnonymous
from server.order.payments.rules.payment import (
    EXTERNAL,
    Entry,
    EventType,
    IllegalPaymentMove,
    Kind,
    Operation,
    OrderNotPayable,
    Payment,
    PaymentEvent,
    PaymentInProgress,
    PaymentTooLarge,
    Progress,
    Status,
    TooManyPayments,
)

PAYMENTS_MAX = 50
"""How many payments an order may have."""

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment as it is asked for. `amount` None: what is left of the order's total."""

    payment_id: str
    order_event_id: str  # of the order that is paid by that alone, because it costs nothing
    provider: str
    amount: Decimal | None
    captures: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A change of a payment as it is asked for. `amount` None: all of it."""

    operation_id: str
    kind: Kind
    amount: Decimal | None = None
    reason: str = ""
    restock: bool | None = None
    return_id: str | None = None  # of a refund: the return that it is for


class Step(NamedTuple):
    """What is written in one unit of work: an order, a payment of it, and what explains both."""

    order: Changed
    payment: Payment
    operation: Operation
    event: PaymentEvent | None = None
    entries: list[Entry] = []  # noqa: RUF012 - never changed
    next: Operation | None = None  # what the provider is to be asked for then


def begun(order: Order, new: NewPayment, count: int, act: Act, answered_by: timedelta) -> Step:
    """A payment of an order that has `count` of them.

    The provider is asked what has become of it when the answer is not there by then.
    Raises `OrderNotPayable`, `PaymentTooLarge`, `TooManyPayments`, and `Invalid` for an amount.
    """
    if order.status is not OrderStatus.PENDING:
        raise OrderNotPayable(f"the order is {order.status}")
    if count >= PAYMENTS_MAX:
        raise TooManyPayments(f"an order may have {PAYMENTS_MAX} payments")
    left = left_to_pay(order)
    if order.total_price and not left:
        raise OrderNotPayable("nothing of the order is left to pay")
    amount = _amount(new.amount, left, order.currency)
    payment = Payment(
        id=new.payment_id,
        order_id=order.id,
        provider=new.provider,
        status=Status.PENDING,
        amount=amount,
        captured=_NOTHING,
        refunded=_NOTHING,
        currency=order.currency,
        captures=new.captures,
        decline_reason="",
        in_progress=True,
        created_at=act.at,
        updated_at=act.at,
        version=1,
    )
    operation = operation_of(payment, Ask(payment.id, Kind.CHARGE, amount), amount, act)
    if not order.total_price:
        return _free(order, payment, operation, act, new.order_event_id)
    after = replace(order, payments_pending=order.payments_pending + amount)
    event = PaymentEvent(act.event_id, EventType.CREATED, payment, act.at, act.traceparent)
    operation = replace(operation, due_at=act.at + answered_by)
    return Step(paid(order, after, act), payment, operation, event)


def asked(order: Order, payment: Payment, ask: Ask, act: Act, answered_by: timedelta) -> Step:
    """A change of `payment`, before the provider is asked for it.

    Raises `IllegalPaymentMove`, `PaymentInProgress`, `PaymentTooLarge`, `OrderAnonymous` for a
    reason, and `Invalid`.
    """
    if payment.in_progress:
        raise PaymentInProgress("a change of the payment is under way; try again")
    if ask.kind is Kind.REFUND and order.status is OrderStatus.PENDING:
        # What was given back has been captured all the same, and would count for the order.
        raise IllegalPaymentMove("the order is PENDING; cancel it, and all of it is given back")
    if ask.reason and order.user_id is None:
        raise OrderAnonymous("the order's buyer was erased", field="reason")
    possible: Mapping[Kind, Decimal] = {
        Kind.CAPTURE: payment.amount if payment.status is Status.AUTHORIZED else _NOTHING,
        Kind.VOID: payment.amount if payment.status is Status.AUTHORIZED else _NOTHING,
        Kind.REFUND: payment.left,
    }
    most = possible[ask.kind]
    if not most:
        raise IllegalPaymentMove(f"the payment is {payment.status}")
    amount = _amount(ask.amount, most, payment.currency)
    if ask.restock is not None and order.captured - order.refunded > amount:
        raise errors.Invalid("goes with the refund of all that is left", field="restock")
    operation = replace(operation_of(payment, ask, amount, act), due_at=act.at + answered_by)
    return Step(Changed(order, None), _under_way(payment, act), operation)


def _under_way(payment: Payment, act: Act) -> Payment:
    at = max(act.at, payment.updated_at)
    return replace(payment, in_progress=True, updated_at=at)


def _amount(amount: Decimal | None, most: Decimal, currency: str) -> Decimal:
    if amount is None:
        return most
    errors.Invalid.check(currencies.too_fine(amount, currency, "amount"))
    if not amount and most:
        raise errors.Invalid("must be more than 0", field="amount")
    if amount > most:
        left = currencies.in_full(most, currency)
        raise PaymentTooLarge(f"amount: {left:f} {currency} is left", field="amount")
    return amount


def operation_of(payment: Payment, ask: Ask, amount: Decimal, act: Act) -> Operation:
    """What the provider is asked for, and at once again what has become of it."""
    return Operation(
        id=ask.operation_id,
        payment_id=payment.id,
        order_id=payment.order_id,
        provider=payment.provider,
        kind=ask.kind,
        amount=amount,
        status=Progress.OPEN,
        reason=ask.reason,
        restock=ask.restock,
        actor_kind=act.actor.kind,
        actor=act.actor.name,
        created_at=act.at,
        due_at=act.at,
        return_id=ask.return_id,
    )


def _free(
    order: Order, payment: Payment, operation: Operation, act: Act, order_event_id: str
) -> Step:
    """An order that costs nothing is paid by whoever says so, without a provider."""
    done = replace(
        payment, provider=EXTERNAL, status=Status.CAPTURED, captures=True, in_progress=False
    )
    operation = replace(operation, provider=EXTERNAL, status=Progress.DONE, settled_at=act.at)
    event = PaymentEvent(act.event_id, EventType.CAPTURED, done, act.at, act.traceparent)
    changed = paid(order, order, replace(act, event_id=order_event_id))
    return Step(changed, done, operation, event)
