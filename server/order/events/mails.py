"""Which mails the events of orders, payments, shipments and returns ask for."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from emporium.order.v1 import events_pb2 as pb
from server.kit.outbox import Event
from server.order.mail.rules import MailKind, MailRequest


def mail_of(event: Event) -> MailRequest | None:
    """The mail that `event` asks for; None: none."""
    found = _MAILS.get(event.type)
    if found is None:
        return None
    message, request = found
    return request(event.id, message.FromString(event.payload), event.occurred_at)


def no_mail(event: Event) -> None:
    """No event asks for one."""


def _received(mail_id: str, told: pb.OrderPlaced, at: datetime) -> MailRequest:
    return MailRequest(mail_id, MailKind.ORDER_RECEIVED, told.order.id, at)


def _paid(mail_id: str, told: pb.OrderPaid, at: datetime) -> MailRequest:
    return MailRequest(mail_id, MailKind.ORDER_PAID, told.order.id, at)


def _sent(mail_id: str, told: pb.ShipmentCreated, at: datetime) -> MailRequest:
    sent, number = told.shipment, told.shipment.tracking_number
    items = tuple((item.position, item.quantity) for item in sent.items)
    return MailRequest(mail_id, MailKind.ORDER_SENT, sent.order_id, at, number, items)


def _returned(mail_id: str, told: pb.ReturnReceived, at: datetime) -> MailRequest:
    came, kind = told.order_return, MailKind.RETURN_RECEIVED
    accepted = tuple((each.position, each.accepted_quantity) for each in came.items)
    pieces = tuple(each for each in accepted if each[1])
    return MailRequest(mail_id, kind, came.order_id, at, pieces=pieces)


def _refunded(mail_id: str, told: pb.PaymentRefunded, at: datetime) -> MailRequest:
    refunded = Decimal(told.payment.refunded)
    order_id = told.payment.order_id
    return MailRequest(mail_id, MailKind.ORDER_REFUNDED, order_id, at, refunded=refunded)


_MAILS: Mapping[str, tuple[Any, Callable[[str, Any, datetime], MailRequest]]] = {
    message.DESCRIPTOR.full_name: (message, request)
    for message, request in (
        (pb.OrderPlaced, _received),
        (pb.OrderPaid, _paid),
        (pb.ShipmentCreated, _sent),
        (pb.PaymentRefunded, _refunded),
        (pb.ReturnReceived, _returned),
    )
}
