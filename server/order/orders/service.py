"""Orders: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime
from functools import partial

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import order_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Page, PageQuery, Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.kit.turns import give_way
from server.order.catalog.store import CatalogStore
from server.order.neighbours import BuyerNotFound, Users
from server.order.orders import rules, wire
from server.order.orders.store import SORTABLE, OrderStore

_LATEST_FIRST = Sort("order_date", descending=True)


class OrderService:
    """`emporium.order.v1.OrderService`."""

    def __init__(
        self,
        orders: OrderStore,
        catalog: CatalogStore,
        users: Users,
        shop_currency: str,
        tokens: PageTokens,
    ) -> None:
        self._orders = orders
        self._catalog = catalog
        self._users = users
        self._shop_currency = shop_currency
        self._tokens = tokens

    async def CreateOrder(self, request: pb.CreateOrderRequest, context: Context) -> pb.Order:
        caller = context.signed_in
        await give_way(len(request.items))
        new = wire.from_create(request)
        await give_way(len(new.lines))
        context.needs_role(
            partial(rules.check_staff_fields, new, caller.id), has_it=caller.is_staff
        )
        try:
            return await self._place(new, context)
        except rules.OffersChanged:
            # Read again, they tell which of them, and what is the matter with it.
            return await self._place(new, context)

    async def _place(self, new: rules.NewOrder, context: Context) -> pb.Order:
        caller = context.signed_in
        offers = await self._catalog.offers(new.product_ids)
        placed = rules.place(
            new,
            offers if caller.is_staff else rules.sold(offers, new.product_ids),
            caller_id=caller.id,
            order_id=_new_id(),
            event_id=_new_id(),
            now=_now(),
            shop_currency=self._shop_currency,
            traceparent=context.traceparent,
        )
        await give_way(len(new.lines))
        context.response = message = wire.to_order(placed.order)
        answer = message.SerializeToString()
        given = await self._orders.create(placed, context.key, answer)
        return message if given is answer else pb.Order.FromString(given)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Context) -> pb.Order:
        return wire.to_order(await self._orders.get(request.order_id, context.owner_scope))

    async def ListOrders(
        self, request: pb.ListOrdersRequest, context: Context
    ) -> pb.ListOrdersResponse:
        query, page = await self._list(request, context.owner_scope)
        return await wire.to_list(query, page)

    async def ListUserOrders(
        self, request: pb.ListUserOrdersRequest, context: Context
    ) -> pb.ListUserOrdersResponse:
        query, page = await self._list(request, request.user_id.lower())
        return await wire.to_user_list(query, page)

    async def GetOrderUser(self, request: pb.GetOrderUserRequest, context: Context) -> pb.OrderUser:
        user_id = await self._orders.user_of(request.order_id, context.owner_scope)
        if user_id is None:
            raise BuyerNotFound("no such user")
        context.subject = user_id
        return wire.to_order_user(await self._users.get(user_id))

    async def UpdateOrder(self, request: pb.UpdateOrderRequest, context: Context) -> pb.Order:
        edit = wire.from_update(request)
        context.needs_role(partial(rules.check_edit, edit), has_it=context.signed_in.is_staff)
        event_id, now = _new_id(), _now()

        def change(order: rules.Order) -> rules.Changed:
            context.subject = order.user_id or ""
            return rules.edited(order, edit, event_id, now, context.traceparent)

        order = await self._orders.update(request.order_id, context.owner_scope, change)
        return wire.to_order(order)

    async def DeleteOrder(self, request: pb.DeleteOrderRequest, context: Context) -> Empty:
        event_id, now = _new_id(), _now()

        def change(order: rules.Order) -> rules.OrderEvent:
            context.subject = order.user_id or ""
            return rules.deleted(order, request.etag, event_id, now, context.traceparent)

        await self._orders.delete(request.order_id, context.owner_scope, change)
        return Empty()

    async def _list(
        self, request: wire.ListRequest, user_id: str | None
    ) -> tuple[PageQuery, Page[rules.ListedOrder]]:
        filters = wire.from_list(request, user_id)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_LATEST_FIRST, filters=filters
        )
        return query, await self._orders.list(filters, query)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
