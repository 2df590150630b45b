"""Events of payments as the contract's messages, in the outbox's envelope."""

from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.payments.rules import EventType, PaymentEvent
from server.order.payments.wire import to_payment

AGGREGATE_TYPE = "payment"

_MESSAGES: dict[EventType, Any] = {
    EventType.CREATED: pb.PaymentCreated,
    EventType.AUTHORIZED: pb.PaymentAuthorized,
    EventType.CAPTURED: pb.PaymentCaptured,
    EventType.DECLINED: pb.PaymentDeclined,
    EventType.VOIDED: pb.PaymentVoided,
    EventType.REFUNDED: pb.PaymentRefunded,
}


def to_outbox(event: PaymentEvent) -> Event:
    """The event as the outbox stores it."""
    message = _MESSAGES[event.type](payment=to_payment(event.payment))
    return Event(
        id=event.id,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=event.payment.id,
        aggregate_version=event.payment.version,
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=event.occurred_at,
        traceparent=event.traceparent,
    )
