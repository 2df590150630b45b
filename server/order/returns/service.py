"""Returns: each method converts the request, applies the rules and calls the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from uuid_utils import uuid7

from emporium.order.v1 import return_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.orders.rules import Act, Actor, Order, person
from server.order.payments import rules as payments
from server.order.payments.processing import Processing
from server.order.returns import rules, wire
from server.order.returns.rules.moving import check_move
from server.order.returns.store import SORTABLE, Asked, ReturnStore
from server.order.stock import rules as stock

_OLDEST_FIRST = Sort("created_at", descending=False)


class ReturnService:
    """`emporium.order.v1.ReturnService`; buyers may ask `within` that time of a delivery."""

    def __init__(
        self, store: ReturnStore, processing: Processing, tokens: PageTokens, within: timedelta
    ) -> None:
        self._store = store
        self._processing = processing
        self._tokens = tokens
        self._within = within

    async def CreateReturn(self, request: pb.CreateReturnRequest, context: Context) -> pb.Return:
        payments.refuse_card_numbers({"comment": request.comment})
        new = wire.from_create(request, _new_id())
        event_id, now, by_staff = _new_id(), _now(), context.owner_scope is None

        def begin(order: Order, sent: rules.Sent) -> rules.ReturnChanged:
            context.subject = order.user_id or ""
            actor = person(context.signed_in.id, order.user_id)
            act = Act(event_id, now, actor, context.traceparent)
            return rules.requested(order, new, sent, act, self._within, by_staff=by_staff)

        def answer(returned: rules.Return) -> bytes:
            return wire.to_return(returned, for_staff=by_staff).SerializeToString()

        given = await self._store.create(
            request.order_id.lower(), context.owner_scope, begin, context.key, answer
        )
        return pb.Return.FromString(given)

    async def ListReturns(
        self, request: pb.ListReturnsRequest, context: Context
    ) -> pb.ListReturnsResponse:
        order_id = request.order_id.lower()
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_OLDEST_FIRST, filters=order_id
        )
        return wire.to_list(query, await self._store.list(order_id, context.owner_scope, query))

    async def GetReturn(self, request: pb.GetReturnRequest, context: Context) -> pb.Return:
        found = await self._store.get(request.return_id, context.owner_scope)
        return wire.to_return(found, for_staff=context.owner_scope is None)

    async def UpdateReturn(self, request: pb.UpdateReturnRequest, context: Context) -> pb.Return:
        payments.refuse_card_numbers({"reason": request.reason})
        edit = wire.from_update(request)
        rules.check_edit(edit)
        is_staff = context.owner_scope is None
        context.needs_role(partial(rules.check_staff, edit), has_it=is_staff)
        moves = _Moves(
            edit, context, request.reason, _now(), (_new_id(), _new_id()), self._processing
        )
        for operation in await self._store.move(request.return_id, context.owner_scope, moves):
            await self._processing.perform(operation)
        found = await self._store.get(request.return_id, context.owner_scope)
        return wire.to_return(found, for_staff=is_staff)


@dataclass(frozen=True, slots=True)
class _Moves:
    """`store.Moves`: what a call of UpdateReturn makes of a return."""

    edit: rules.Edit
    context: Context
    reason: str
    now: datetime
    event_ids: tuple[str, str]  # of the return, of its order
    processing: Processing

    def moved(
        self, order: Order, returned: rules.Return
    ) -> rules.ReturnChanged | rules.Received | None:
        self.context.subject = order.user_id or ""
        act = self._act(order)
        if not check_move(returned, self.edit, act):
            return rules.ReturnChanged(returned, None)
        if self.edit.status is rules.Status.REFUNDED:
            return None
        if self.edit.status is rules.Status.RECEIVED:
            return rules.received(returned, order, self.edit, act, self.event_ids[1])
        return rules.moved(returned, self.edit, act)

    def refund(
        self, order: Order, returned: rules.Return, paid: Sequence[payments.Payment]
    ) -> rules.Refund:
        return rules.refunding(returned, order, paid, self.edit, self._act(order))

    def asked(self, order: Order, refund: rules.Refund) -> Sequence[Asked]:
        returned = refund.changed.returned
        return [partial(self._asked, returned.id, amount) for _, amount in refund.parts]

    def cause(self, order: Order, returned: rules.Return) -> stock.Cause:
        return stock.Cause(
            at=self.now,
            actor_id=self.context.signed_in.id,
            reason=stock.Reason.RETURNED,
            note=f"return {returned.id}",
            traceparent=self.context.traceparent,
        )

    def _asked(
        self, return_id: str, amount: Decimal, order: Order, payment: payments.Payment
    ) -> payments.Step:
        ask = payments.Ask(
            _new_id(), payments.Kind.REFUND, amount, self.reason, return_id=return_id
        )
        act = replace(self._act(order), event_id=_new_id())
        step = payments.asked(order, payment, ask, act, self.processing.answered_by)
        if payment.provider != payments.EXTERNAL:
            return step
        # Nobody is asked: what staff say of it was done.
        done = payments.Outcome(is_done=True)
        return payments.settled(order, step.payment, step.operation, done, _new_id, self.now)

    def _act(self, order: Order) -> Act:
        actor: Actor = person(self.context.signed_in.id, order.user_id)
        return Act(self.event_ids[0], self.now, actor, self.context.traceparent, self.reason)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
