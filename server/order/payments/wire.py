"""Payments between Protobuf and dataclasses."""

from decimal import Decimal
from typing import Any

from emporium.order.v1 import payment_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import money, timestamp
from server.order.payments.rules import Ask, Kind, Payment, Status

_STATUSES = {Status(name): number for name, number in pb.Payment.Status.items() if number}

Change = pb.CapturePaymentRequest | pb.VoidPaymentRequest | pb.RefundPaymentRequest


def to_payment(payment: Payment) -> pb.Payment:
    """A payment on the wire."""
    return pb.Payment(
        id=payment.id,
        order_id=payment.order_id,
        status=_STATUSES[payment.status],
        amount=money(payment.amount, payment.currency),
        captured=money(payment.captured, payment.currency),
        refunded=money(payment.refunded, payment.currency),
        currency=payment.currency,
        decline_reason=payment.decline_reason,
        provider=payment.provider,
        in_progress=payment.in_progress,
        created_at=timestamp(payment.created_at),
        updated_at=timestamp(payment.updated_at),
        etag=payment.etag,
        refunded_externally=money(payment.refunded_externally, payment.currency),
    )


def to_list(query: PageQuery, page: Page[Payment]) -> pb.ListPaymentsResponse:
    """A page of payments on the wire."""
    return pb.ListPaymentsResponse(
        payments=[to_payment(row) for row in page.rows], meta=page_meta(query, page)
    )


def amount_of(request: Any) -> Decimal | None:
    """The amount that was sent, if one was."""
    return Decimal(request.amount) if request.HasField("amount") else None


def to_capture(request: pb.CapturePaymentRequest, operation_id: str) -> Ask:
    """What the caller asks for."""
    return Ask(operation_id, Kind.CAPTURE, amount_of(request))


def to_void(operation_id: str) -> Ask:
    """What the caller asks for."""
    return Ask(operation_id, Kind.VOID)


def to_refund(request: pb.RefundPaymentRequest, operation_id: str) -> Ask:
    """What the caller asks for."""
    restock = request.restock if request.HasField("restock") else None
    return Ask(operation_id, Kind.REFUND, amount_of(request), request.reason, restock)
