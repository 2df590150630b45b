"""The payment, what its provider is asked for, and what is entered in the ledger."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from server.kit import errors
from server.order.orders.rules import Actor, ActorKind

EXTERNAL = "external"
"""The provider of what was paid outside of any: nobody is asked, and nobody answers."""


class PaymentNotFound(errors.NotFound):
    """No such payment, or of an order that is not the caller's to see."""

    reason = "PAYMENT_NOT_FOUND"


class OrderNotPayable(errors.Conflict):
    """The order is not PENDING, or nothing of it is left to pay."""

    reason = "ORDER_NOT_PAYABLE"


class PaymentTooLarge(errors.Conflict):
    """The amount is more than there is left."""

    reason = "PAYMENT_TOO_LARGE"


class IllegalPaymentMove(errors.Conflict):
    """The payment is not in a state for it."""

    reason = "ILLEGAL_PAYMENT_MOVE"


class PaymentInProgress(errors.Conflict):
    """Another change of the payment is under way."""

    reason = "PAYMENT_IN_PROGRESS"


class PaymentRefused(errors.Conflict):
    """The provider does not do it."""

    reason = "PAYMENT_REFUSED"


class TooManyPayments(errors.Conflict):
    """The order has as many payments as one may have."""

    reason = "TOO_MANY_PAYMENTS"


class Status(StrEnum):
    """The state of a payment."""

    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


class Kind(StrEnum):
    """What a provider is asked for."""

    CHARGE = "CHARGE"  # authorise, and capture where that is wanted at once
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"


class Progress(StrEnum):
    """What has become of an operation."""

    OPEN = "OPEN"  # it is not known whether the provider has done it
    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment. Ids are UUIDs as text, in lower case; amounts are in `currency`, its order's."""

    id: str
    order_id: str
    provider: str
    status: Status
    amount: Decimal
    captured: Decimal
    refunded: Decimal
    currency: str
    captures: bool  # as soon as it is authorized
    decline_reason: str
    in_progress: bool  # one of its operations is open
    created_at: datetime
    updated_at: datetime
    version: int  # counts its events
    refunded_externally: Decimal = Decimal(0)  # how much of `refunded`: not by its provider

    @property
    def etag(self) -> str:
        """Changes with every change: that something was begun has no event."""
        return f"{self.version}-in-progress" if self.in_progress else str(self.version)

    @property
    def left(self) -> Decimal:
        """What was captured and not given back."""
        return self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a provider is asked for: written down before it is asked.

    `id` is the key by which the provider knows it; that of a charge is the payment's.
    """

    id: str
    payment_id: str
    order_id: str
    provider: str
    kind: Kind
    amount: Decimal
    status: Progress
    reason: str  # of a refund, as whoever has asked for it gave it
    restock: bool | None  # of a refund
    actor_kind: str
    actor: str | None
    created_at: datetime
    due_at: datetime  # when the provider is asked what has become of it
    settled_at: datetime | None = None
    return_id: str | None = None  # of a refund: the return that it is for

    @property
    def by(self) -> Actor:
        """Who has asked for it."""
        return Actor(ActorKind(self.actor_kind), self.actor)


class Account(StrEnum):
    """What an entry of the ledger is booked on."""

    PROVIDER_BALANCE = "PROVIDER_BALANCE"  # what the provider holds for the shop
    RECEIVABLE = "RECEIVABLE"  # what buyers owe for their orders
    REFUNDS = "REFUNDS"  # what was given back


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of what has moved: a debit, or a credit below zero."""

    operation_id: str
    account: Account
    payment_id: str
    order_id: str
    provider: str
    amount: Decimal
    currency: str
    created_at: datetime


class EventType(StrEnum):
    """What has happened to a payment."""

    CREATED = "CREATED"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """One change of a payment, which is as the change left it."""

    id: str
    type: EventType
    payment: Payment
    occurred_at: datetime
    traceparent: str | None = None


def entries(operation: Operation, currency: str, at: datetime) -> list[Entry]:
    """What `operation` has moved: what stands on one account more stands on another less."""
    if not operation.amount:
        return []
    sides = {
        Kind.CHARGE: (Account.PROVIDER_BALANCE, Account.RECEIVABLE),
        Kind.CAPTURE: (Account.PROVIDER_BALANCE, Account.RECEIVABLE),
        Kind.REFUND: (Account.REFUNDS, Account.PROVIDER_BALANCE),
    }
    if operation.kind not in sides:
        return []
    debit, credit = sides[operation.kind]
    return [
        Entry(
            operation_id=operation.id,
            account=account,
            payment_id=operation.payment_id,
            order_id=operation.order_id,
            provider=operation.provider,
            amount=amount,
            currency=currency,
            created_at=at,
        )
        for account, amount in ((debit, operation.amount), (credit, -operation.amount))
    ]
