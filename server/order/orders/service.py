"""Orders: each method converts the request, applies the rules and calls the store."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import randbelow

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import order_service_pb2 as pb
from server.kit import errors
from server.kit.context import Context
from server.kit.listing.paging import Page, PageQuery, Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.kit.turns import give_way
from server.order.neighbours import BuyerNotFound, Users
from server.order.orders import rules, wire
from server.order.orders.feed import OrderFeed, is_last
from server.order.orders.quoting import Quoting
from server.order.orders.store import HISTORY_SORTABLE, SORTABLE, OrderStore
from server.order.orders.store.notes import NOTES_SORTABLE, NoteStore
from server.order.pricing.rules import PromotionChanged

_LATEST_FIRST = Sort("order_date", descending=True)
_FIRST_FIRST = Sort("occurred_at", descending=False)
_FIRST_NOTE_FIRST = Sort("created_at", descending=False)


class OrderService:
    """`emporium.order.v1.OrderService`."""

    def __init__(
        self,
        orders: OrderStore,
        quoting: Quoting,
        users: Users,
        tokens: PageTokens,
        feed: OrderFeed,
        notes: NoteStore,
        unpaid_for: timedelta | None = None,
    ) -> None:
        """An order may be unpaid for `unpaid_for`; None: for ever."""
        self._orders = orders
        self._quoting = quoting
        self._users = users
        self._tokens = tokens
        self._feed = feed
        self._notes = notes
        self._unpaid_for = unpaid_for

    async def CreateOrder(self, request: pb.CreateOrderRequest, context: Context) -> pb.Order:
        try:
            return await self._place(request, context)
        except (rules.OffersChanged, PromotionChanged, rules.OrderNumberTaken):
            # Read again, they tell which of them, and what is the matter with it; drawn again,
            # the number is another.
            return await self._place(request, context)

    async def QuoteOrder(self, request: pb.QuoteOrderRequest, context: Context) -> pb.Quote:
        _, quoted = await self._quoted(request, context)
        await give_way(len(quoted.items))
        return wire.to_quote(quoted)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.Order:
        order = wire.to_order(await self._orders.get(request.order_id, context.owner_scope))
        await self._expand(request.expand, [order])
        return order

    async def ListOrders(
        self, request: pb.ListOrdersRequest, context: Context
    ) -> pb.ListOrdersResponse:
        asked = request.user_id.lower() or None
        rules.check_whose(asked, context.owner_scope)
        query, page = await self._list(request, asked or context.owner_scope)
        answer = await wire.to_list(query, page)
        await self._expand(request.expand, answer.orders)
        return answer

    async def ListUserOrders(
        self, request: pb.ListUserOrdersRequest, context: Context
    ) -> pb.ListUserOrdersResponse:
        query, page = await self._list(request, request.user_id.lower())
        answer = await wire.to_user_list(query, page)
        await self._expand(request.expand, answer.orders)
        return answer

    async def GetOrderUser(self, request: pb.GetOrderUserRequest, context: Context) -> pb.OrderUser:
        user_id = await self._orders.user_of(request.order_id, context.owner_scope)
        if user_id is None:
            raise BuyerNotFound("no such user")
        context.subject = user_id
        return wire.to_order_user(await self._users.get(user_id))

    async def WatchOrder(
        self, request: pb.WatchOrderRequest, context: Context
    ) -> AsyncIterator[pb.WatchOrderResponse]:
        by_rest = context.metadata.get("x-emporium-door") == "rest"
        states = self._feed.after(
            request.order_id.lower(), context.owner_scope, request.after, has_end=not by_rest
        )
        async with aclosing(states):
            async for order in states:
                await give_way(len(order.items))
                yield wire.to_watched(order, is_last=is_last(order))

    async def ListOrderHistory(
        self, request: pb.ListOrderHistoryRequest, context: Context
    ) -> pb.ListOrderHistoryResponse:
        query = page_query(
            request,
            self._tokens,
            sortable=HISTORY_SORTABLE,
            default=_FIRST_FIRST,
            filters=request.order_id.lower(),
        )
        buyer_id = await self._orders.user_of(request.order_id, context.owner_scope)
        page = await self._orders.history(request.order_id, query)
        return wire.to_history(query, page, buyer_id, for_staff=context.owner_scope is None)

    async def CreateOrderNote(
        self, request: pb.CreateOrderNoteRequest, context: Context
    ) -> pb.OrderNote:
        caller, note_id, now = context.signed_in, _new_id(), _now()
        visible = request.visible_to_buyer if request.HasField("visible_to_buyer") else None

        def write(buyer_id: str) -> rules.Note:
            context.subject = buyer_id
            author = rules.person(caller.id, buyer_id)
            hidden = rules.is_internal(visible, by_staff=author.kind is rules.ActorKind.STAFF)
            return rules.Note(note_id, request.order_id.lower(), author, request.text, hidden, now)

        def answer(note: rules.Note) -> bytes:
            return wire.to_note(note, context.subject, for_staff=True).SerializeToString()

        given = await self._notes.create(
            request.order_id, context.owner_scope, write, context.key, answer
        )
        return pb.OrderNote.FromString(given)

    async def ListOrderNotes(
        self, request: pb.ListOrderNotesRequest, context: Context
    ) -> pb.ListOrderNotesResponse:
        for_staff = context.owner_scope is None
        query = page_query(
            request,
            self._tokens,
            sortable=NOTES_SORTABLE,
            default=_FIRST_NOTE_FIRST,
            filters=(request.order_id.lower(), for_staff),
        )
        buyer_id = await self._orders.user_of(request.order_id, context.owner_scope)
        page = await self._notes.list(request.order_id, query, for_staff=for_staff)
        return wire.to_notes(query, page, buyer_id, for_staff=for_staff)

    async def DeleteOrderNote(self, request: pb.DeleteOrderNoteRequest, context: Context) -> Empty:
        await self._notes.delete(request.order_id, context.owner_scope, request.note_id)
        return Empty()

    async def UpdateOrder(self, request: pb.UpdateOrderRequest, context: Context) -> pb.Order:
        edit = wire.from_update(request)
        rules.check_edit(edit)
        is_staff = context.signed_in.is_staff
        if is_staff:
            context.needs_role(partial(rules.check_move_of_customer, edit), has_it=True)
        act, taxing = _acting(context), None
        if "shipping_address" in edit.fields:
            before = await self._orders.get(request.order_id, context.owner_scope)
            taxing = await self._quoting.taxing(before.items)

        def change(order: rules.Order) -> rules.Changed:
            if not is_staff:
                rules.check_move_of_customer(edit, order)
            return rules.edited(order, edit, act(order), taxing)

        order = await self._orders.update(request.order_id, context.owner_scope, change)
        return wire.to_order(order)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Context) -> pb.Order:
        act = _acting(context, request.reason)

        def change(order: rules.Order) -> rules.Changed:
            return rules.cancelled(order, request.etag, act(order))

        given = await self._orders.update_once(
            request.order_id, context.owner_scope, change, context.key, _answer
        )
        return pb.Order.FromString(given)

    async def DeleteOrder(self, request: pb.DeleteOrderRequest, context: Context) -> Empty:
        act = _acting(context)

        def change(order: rules.Order) -> rules.OrderEvent:
            return rules.deleted(order, request.etag, act(order))

        await self._orders.delete(request.order_id, context.owner_scope, change)
        return Empty()

    async def _place(self, request: pb.CreateOrderRequest, context: Context) -> pb.Order:
        new, quoted = await self._quoted(request, context)
        placed = rules.place(
            new,
            quoted,
            rules.Drawn(_new_id(), _new_id(), _new_number()),
            caller_id=context.signed_in.id,
            now=_now(),
            traceparent=context.traceparent,
            unpaid_for=self._unpaid_for,
        )
        await give_way(len(new.lines))
        context.response = message = wire.to_order(placed.order)
        answer = message.SerializeToString()
        given = await self._orders.create(placed, context.key, answer)
        return message if given is answer else pb.Order.FromString(given)

    async def _quoted(
        self, request: wire.PlacingRequest, context: Context
    ) -> tuple[rules.NewOrder, rules.Quote]:
        """What the caller asks for, and what it comes to: the same for a quote and for an order."""
        caller = context.signed_in
        await give_way(len(request.items))
        new = wire.from_create(request)
        await give_way(len(new.lines))
        context.needs_role(
            partial(rules.check_staff_fields, new, caller.id), has_it=caller.is_staff
        )
        return await self._quoting.quote_addressed(new, caller)

    async def _expand(self, expand: str, orders: Sequence[pb.Order]) -> None:
        """Embeds the persons by one call. Without the user service the orders come all the same."""
        if expand != "user":
            return
        buyers = {order.user_id for order in orders} - {""}
        try:
            found = await self._users.get_many(sorted(buyers))
        except errors.Unavailable:
            found = None
        for order in orders:
            if order.user_id:
                wire.expand(order, found)

    async def _list(
        self, request: wire.ListRequest, user_id: str | None
    ) -> tuple[PageQuery, Page[rules.ListedOrder]]:
        filters = wire.from_list(request, user_id)
        rules.check_totals(filters)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_LATEST_FIRST, filters=filters
        )
        return query, await self._orders.list(filters, query)


def _acting(context: Context, reason: str = "") -> Callable[[rules.Order], rules.Act]:
    """What the caller's act on an order is, once the order is there; also says whom it is about."""
    event_id, now, caller_id = _new_id(), _now(), context.signed_in.id

    def act(order: rules.Order) -> rules.Act:
        context.subject = order.user_id or ""
        actor = rules.person(caller_id, order.user_id)
        is_staff = context.signed_in.is_staff
        return rules.Act(event_id, now, actor, context.traceparent, reason, is_staff)

    return act


def _answer(order: rules.Order) -> bytes:
    return wire.to_order(order).SerializeToString()


def _now() -> datetime:
    return datetime.now(UTC)


def _new_number() -> int:
    return randbelow(rules.NUMBERS)


def _new_id() -> str:
    return str(uuid7())
