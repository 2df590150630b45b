"""Payments: each method converts the request, applies the rules, writes down, and asks."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from uuid_utils import uuid7

from emporium.order.v1 import payment_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.orders.rules import Act, Order, person
from server.order.payments import rules, wire
from server.order.payments.processing import Processing
from server.order.payments.store import SORTABLE, PaymentStore

_FIRST_FIRST = Sort("created_at", descending=False)
_IS_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}").fullmatch


class PaymentService:
    """`emporium.order.v1.PaymentService`; `secrets` are those of notices, by their providers."""

    def __init__(
        self,
        store: PaymentStore,
        processing: Processing,
        tokens: PageTokens,
        secrets: Mapping[str, bytes],
    ) -> None:
        self._store = store
        self._processing = processing
        self._tokens = tokens
        self._secrets = secrets

    async def CreatePayment(self, request: pb.CreatePaymentRequest, context: Context) -> pb.Payment:
        token = request.provider_token
        rules.refuse_card_numbers({"provider_token": token, "request_id": request.request_id})
        if not _IS_TOKEN(token):
            raise errors.Invalid("must be letters, digits, _ and -", field="provider_token")
        new = rules.NewPayment(
            payment_id=_new_id(),
            order_event_id=_new_id(),
            provider=self._processing.provider,
            amount=wire.amount_of(request),
            captures=request.capture if request.HasField("capture") else True,
        )
        act = _acting(context)

        def begin(order: Order, count: int) -> rules.Step:
            return rules.begun(order, new, count, act(order), self._processing.answered_by)

        given = await self._store.begin(
            request.order_id.lower(), context.owner_scope, begin, context.key, _answer
        )
        return await self._performed(given, new.payment_id, token)

    async def ListPayments(
        self, request: pb.ListPaymentsRequest, context: Context
    ) -> pb.ListPaymentsResponse:
        order_id = request.order_id.lower()
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_FIRST_FIRST, filters=order_id
        )
        page = await self._store.list(order_id, context.owner_scope, query)
        return wire.to_list(query, page)

    async def GetPayment(self, request: pb.GetPaymentRequest, context: Context) -> pb.Payment:
        payment = await self._store.get(request.payment_id.lower(), context.owner_scope)
        return wire.to_payment(payment)

    async def CapturePayment(
        self, request: pb.CapturePaymentRequest, context: Context
    ) -> pb.Payment:
        return await self._changed(request, context, wire.to_capture(request, _new_id()))

    async def VoidPayment(self, request: pb.VoidPaymentRequest, context: Context) -> pb.Payment:
        return await self._changed(request, context, wire.to_void(_new_id()))

    async def RefundPayment(self, request: pb.RefundPaymentRequest, context: Context) -> pb.Payment:
        rules.refuse_card_numbers({"reason": request.reason})
        return await self._changed(request, context, wire.to_refund(request, _new_id()))

    async def ReceivePaymentNotice(
        self, request: pb.ReceivePaymentNoticeRequest, context: Context
    ) -> pb.ReceivePaymentNoticeResponse:
        secret = self._secrets.get(request.provider)
        if not secret:
            raise rules.ProviderNotFound("no such payment provider")
        body, now = request.notice.data, datetime.now(UTC)
        if len(body) > rules.BYTES_MAX:
            raise errors.Malformed(f"a notice may have {rules.BYTES_MAX} bytes", field="notice")
        rules.check_signature(context.metadata.get(rules.HEADER, ""), body, secret, now)
        notice = rules.read_notice(body)
        await self._store.notice(request.provider, notice.id, notice.operation_id, now)
        return pb.ReceivePaymentNoticeResponse()

    async def _changed(self, request: wire.Change, context: Context, ask: rules.Ask) -> pb.Payment:
        rules.refuse_card_numbers({"request_id": request.request_id})
        act = _acting(context)

        def asked(order: Order, payment: rules.Payment) -> rules.Step:
            acted = act(order)
            step = rules.asked(order, payment, ask, acted, self._processing.answered_by)
            if payment.provider != rules.EXTERNAL:
                return step
            # Nobody is asked: what staff say of it was done.
            done = rules.Outcome(is_done=True)
            return rules.settled(order, step.payment, step.operation, done, _new_id, acted.at)

        given = await self._store.ask(request.payment_id.lower(), asked, context.key, _answer)
        return await self._performed(given, ask.operation_id)

    async def _performed(self, given: bytes, operation_id: str, token: str = "") -> pb.Payment:
        """What becomes of what was written down; of a repeat, what has become of the first."""
        operation = await self._store.operation(operation_id)
        if operation is None:
            first = pb.Payment.FromString(given)
            return wire.to_payment(await self._processing.outcome(first.id))
        if operation.status is not rules.Progress.OPEN:
            return pb.Payment.FromString(given)
        return wire.to_payment(await self._processing.perform(operation, token))


def _acting(context: Context) -> Callable[[Order], Act]:
    """What the caller's act on an order is, once the order is there; also says whom it is about."""
    event_id, now, caller_id = _new_id(), datetime.now(UTC), context.signed_in.id

    def act(order: Order) -> Act:
        context.subject = order.user_id or ""
        return Act(event_id, now, person(caller_id, order.user_id), context.traceparent)

    return act


def _answer(payment: rules.Payment) -> bytes:
    return wire.to_payment(payment).SerializeToString()


def _new_id() -> str:
    return str(uuid7())
