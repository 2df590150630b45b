"""Payments."""

from typing import Any, TypeAlias, Unpack
from uuid import uuid4

from google.api.httpbody_pb2 import HttpBody

from emporium.connection import Connection
from emporium.order.v1.payment_service_pb2 import (
    CapturePaymentRequest,
    CreatePaymentRequest,
    GetPaymentRequest,
    ListPaymentsRequest,
    Payment,
    ReceivePaymentNoticeRequest,
    RefundPaymentRequest,
    VoidPaymentRequest,
)
from emporium.order.v1.payment_service_pb2_grpc import PaymentServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, query

_Amount: TypeAlias = "Money | None"


class Payments:
    """`shop.payments`: what is paid for orders, through the shop's payment provider.

    What staff do gets the payment `in_progress` where the provider did not answer in time: it is
    asked again, and `get` tells later.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = PaymentServiceStub(connection.channel)

    async def create(
        self,
        order_id: str,
        provider_token: str,
        *,
        amount: _Amount = None,
        capture: bool = True,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Payment:
        """Pays for an order: `amount`, or what is left of its total; or authorizes it alone.

        `provider_token` is what the provider gave for a card, never the card's number. Look at the
        `status`: a decline is a payment, too. A repeat with the same `idempotency_key` gets the
        payment as it is by then; left out, the call has a key of its own, which its retries share.

        Raises `NotFound` (ORDER_NOT_FOUND), `Conflict` (ORDER_NOT_PAYABLE, PAYMENT_TOO_LARGE,
        TOO_MANY_PAYMENTS), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`
        (CARD_NUMBER_REFUSED, VALIDATION_FAILED).
        """
        request = CreatePaymentRequest(
            order_id=order_id,
            provider_token=provider_token,
            amount=_money(amount),
            capture=capture,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreatePayment, request, timeout_seconds)

    async def get(self, payment_id: str, *, timeout_seconds: float | None = None) -> Payment:
        """The payment. Raises `NotFound` (PAYMENT_NOT_FOUND)."""
        request = GetPaymentRequest(payment_id=payment_id)
        return await self._connection.call(self._stub.GetPayment, request, timeout_seconds)

    def list(self, order_id: str, **options: Unpack[PageOptions]) -> Listing[Payment]:
        """Lists the payments of an order, oldest first; sorts by `created_at`.

        Reading it raises `NotFound` (ORDER_NOT_FOUND), `InvalidRequest` (UNKNOWN_SORT_FIELD,
        INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")
        fields = query(options)

        async def fetch(request: ListPaymentsRequest) -> Page[Payment]:
            answer = await self._connection.call(self._stub.ListPayments, request, timeout_seconds)
            return Page(answer.payments, answer.meta)

        return Listing(ListPaymentsRequest(order_id=order_id, **fields), fetch)

    async def capture(
        self,
        payment_id: str,
        *,
        amount: _Amount = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Payment:
        """For staff: takes what is authorized, or `amount` of it; the rest is let go.

        Raises `NotFound` (PAYMENT_NOT_FOUND), `Conflict` (ILLEGAL_PAYMENT_MOVE, PAYMENT_TOO_LARGE,
        PAYMENT_IN_PROGRESS, PAYMENT_REFUSED), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED),
        `InvalidRequest`, `PermissionDenied`.
        """
        request = CapturePaymentRequest(
            payment_id=payment_id,
            amount=_money(amount),
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CapturePayment, request, timeout_seconds)

    async def void(
        self,
        payment_id: str,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Payment:
        """For staff: lets go what is authorized. Raises as `capture` does."""
        request = VoidPaymentRequest(
            payment_id=payment_id, request_id=idempotency_key or str(uuid4())
        )
        return await self._connection.call(self._stub.VoidPayment, request, timeout_seconds)

    async def refund(
        self,
        payment_id: str,
        *,
        amount: _Amount = None,
        reason: str = "",
        restock: bool | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Payment:
        """For staff: gives back what was captured, or `amount` of it. Raises as `capture` does.

        `restock` goes with the refund of all that is left: whether the goods are there again.
        """
        request = RefundPaymentRequest(
            payment_id=payment_id,
            amount=_money(amount),
            reason=reason,
            restock=restock,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.RefundPayment, request, timeout_seconds)

    async def receive_notice(
        self,
        provider: str,
        notice: bytes,
        signature: str,
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """For a provider's own programs: hands in a notice, as its bytes were signed.

        Raises `NotFound` (PAYMENT_PROVIDER_NOT_FOUND), `InvalidRequest` (NOTICE_NOT_SIGNED,
        MALFORMED_REQUEST).
        """
        body = HttpBody(content_type="application/json", data=notice)
        request = ReceivePaymentNoticeRequest(provider=provider, notice=body)
        stub: Any = self._stub.ReceivePaymentNotice

        def signed(request: Any, *, timeout: float, metadata: Any) -> Any:
            its_own = (("payment-signature", signature),)
            return stub(request, timeout=timeout, metadata=(*metadata, *its_own))

        method: Any = signed
        await self._connection.call(method, request, timeout_seconds, is_signed=False)


def _money(amount: _Amount) -> str | None:
    return None if amount is None else money(amount)
