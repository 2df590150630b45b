"""Orders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.order_service_pb2 import (
    CreateOrderRequest,
    DeleteOrderRequest,
    GetOrderRequest,
    GetOrderUserRequest,
    ListOrdersRequest,
    ListUserOrdersRequest,
    NewOrderItem,
    Order,
    OrderUser,
    Quote,
    QuoteOrderRequest,
    UpdateOrderRequest,
)
from emporium.order.v1.personal_data_service_pb2 import (
    EraseBuyerRequest,
    ExportBuyerRequest,
)
from emporium.order.v1.personal_data_service_pb2_grpc import PersonalDataServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.resources.order_course import OrderCourse
from emporium.type.v1.address_pb2 import Address
from emporium.type.v1.personal_data_pb2 import ErasureReceipt, ExportedPart
from emporium.values import UNSET, Moment, Money, Unset, money, number, query, set_mask, timestamp

_AMOUNTS = ("min_total", "max_total")

OrderStatusName: TypeAlias = "str | Order.Status.ValueType"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order to place: a product and its quantity.

    Only staff may give `product_name` and `unit_price`, with or without a product of the
    catalogue: name and price as they were agreed.
    """

    product_id: str = ""
    quantity: int = 1
    product_name: str = ""
    unit_price: Money | None = None


class OrderFilters(PageOptions, total=False):
    """The arguments of the lists of orders.

    Sort by `order_date` (descending by default), `created_at` or `total_price`.
    """

    status: str
    """Only orders in this status: `pending`, `paid` and so on."""
    placed_after: Moment
    """Only orders placed at this moment or later."""
    placed_before: Moment
    """Only orders placed before this moment."""
    created_after: Moment
    """Only orders recorded at this moment or later."""
    created_before: Moment
    """Only orders recorded before this moment."""
    min_total: Money
    """Only orders whose total is this much or more, in `currency`, which must be given."""
    max_total: Money
    """Only orders whose total is this much or less, in `currency`."""
    currency: str
    """Only orders in this currency, ISO 4217."""
    number: str
    """Only the order with this number, as people write it: case, hyphens and spaces are free."""
    expand: str
    """What to show with each order: `user`, who placed it. See `Order.user_unavailable`."""


class AllOrderFilters(OrderFilters, total=False):
    """The arguments of the list of everybody's orders."""

    user_id: str
    """Only this user's orders; customers may name themselves alone."""


class Orders(OrderCourse):
    """`shop.orders`: placing, reading, changing and deleting orders."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._personal_data = PersonalDataServiceStub(connection.channel)

    async def create(  # noqa: PLR0913 - each is a field of the request
        self,
        lines: Iterable[OrderLine],
        *,
        shipping_address: Address | None = None,
        shipping_address_id: str = "",
        user_id: str = "",
        order_date: datetime | None = None,
        currency: str = "",
        shipping_method_id: str = "",
        promotion_codes: Iterable[str] = (),
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Order:
        """Places an order of 1 to 1,000 lines.

        Only staff may place one for another (`user_id`) or at another time (`order_date`, with a
        time zone). `shipping_address_id` is one that the buyer has saved, instead of
        `shipping_address`. `currency` (ISO 4217) is for lines with prices of their own. With a
        `shipping_method_id` the price of sending it to the address is part of the total. Each of
        `promotion_codes` is taken, or the order is refused.
        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `NotFound` (PRODUCT_NOT_FOUND, SHIPPING_METHOD_NOT_FOUND, ADDRESS_NOT_FOUND),
        `PermissionDenied` (PRICE_NOT_ALLOWED, STAFF_ONLY_FIELD), `Conflict` (OUT_OF_STOCK, and of
        codes PROMOTION_USED_UP and others), `InvalidRequest` (CURRENCY_MISMATCH, ORDER_TOO_LARGE,
        NOT_SHIPPED_TO_COUNTRY, ORDER_TOO_HEAVY, SHIPPING_ADDRESS_REQUIRED, VALIDATION_FAILED),
        `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = CreateOrderRequest(
            items=map(_new_item, lines),
            shipping_address=shipping_address,
            shipping_address_id=shipping_address_id,
            user_id=user_id,
            order_date=timestamp(order_date),
            currency=currency,
            shipping_method_id=shipping_method_id,
            promotion_codes=promotion_codes,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateOrder, request, timeout_seconds)

    async def quote(  # noqa: PLR0913 - each is a field of the request
        self,
        lines: Iterable[OrderLine],
        *,
        shipping_address: Address | None = None,
        shipping_address_id: str = "",
        user_id: str = "",
        order_date: datetime | None = None,
        currency: str = "",
        shipping_method_id: str = "",
        promotion_codes: Iterable[str] = (),
        timeout_seconds: float | None = None,
    ) -> Quote:
        """What `create` would make such an order cost, step by step; places none.

        Raises what `create` raises, but for AlreadyExists.
        """
        request = QuoteOrderRequest(
            items=map(_new_item, lines),
            shipping_address=shipping_address,
            shipping_address_id=shipping_address_id,
            user_id=user_id,
            order_date=timestamp(order_date),
            currency=currency,
            shipping_method_id=shipping_method_id,
            promotion_codes=promotion_codes,
        )
        return await self._connection.call(self._stub.QuoteOrder, request, timeout_seconds)

    async def get(
        self, order_id: str, *, expand: str = "", timeout_seconds: float | None = None
    ) -> Order:
        """Reads an order; with `expand="user"` also who placed it, see `Order.user_unavailable`.

        Raises `NotFound` (ORDER_NOT_FOUND), also when it is not the caller's.
        """
        request = GetOrderRequest(order_id=order_id, expand=expand)
        return await self._connection.call(self._stub.GetOrder, request, timeout_seconds)

    async def get_user(self, order_id: str, *, timeout_seconds: float | None = None) -> OrderUser:
        """Reads who placed an order; the answer may be some seconds old.

        Raises `NotFound` (ORDER_NOT_FOUND; USER_NOT_FOUND when the account was deleted),
        `Unavailable`.
        """
        request = GetOrderUserRequest(order_id=order_id)
        return await self._connection.call(self._stub.GetOrderUser, request, timeout_seconds)

    def list(self, **filters: Unpack[AllOrderFilters]) -> Listing[Order]:
        """Lists the caller's orders, or everybody's for staff; latest first unless sorted.

        Each order has its first 20 lines at most, and 5 in pages of 100; it says in `item_count`
        how many there are, and `get` reads them all.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_FILTER, INVALID_PAGE_TOKEN,
        ORDER_NUMBER_MISTYPED).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListOrdersRequest) -> Page[Order]:
            answer = await self._connection.call(self._stub.ListOrders, request, timeout_seconds)
            return Page(answer.orders, answer.meta)

        return Listing(ListOrdersRequest(**query(filters, amounts=_AMOUNTS)), fetch)

    def list_of_user(self, user_id: str, **filters: Unpack[OrderFilters]) -> Listing[Order]:
        """Lists one user's orders, as `list` does.

        Reading it raises `NotFound` (USER_NOT_FOUND) when the caller may not see them, and what
        `list` raises.
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListUserOrdersRequest) -> Page[Order]:
            answer = await self._connection.call(
                self._stub.ListUserOrders, request, timeout_seconds
            )
            return Page(answer.orders, answer.meta)

        return Listing(
            ListUserOrdersRequest(user_id=user_id, **query(filters, amounts=_AMOUNTS)), fetch
        )

    async def update(
        self,
        order_id: str,
        *,
        status: "OrderStatusName | None" = None,
        shipping_address: Address | Unset | None = UNSET,
        restock: bool | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Order:
        """Changes the fields that are given, and no others.

        `shipping_address=None` clears the address. Customers may only set `status="cancelled"`.
        With an `etag` the change is refused when the order has another by now. `restock` goes with
        `status="refunded"`: whether what was taken from the stock is put back; left out, it is
        when nothing was sent yet.

        Raises `NotFound` (ORDER_NOT_FOUND), `Conflict` (ORDER_NOT_PENDING, ILLEGAL_STATUS_MOVE,
        OUT_OF_STOCK), `Outdated` (ETAG_MISMATCH), `PermissionDenied` (STAFF_ONLY_FIELD),
        `InvalidRequest` (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not retried, because it is not
        idempotent.
        """
        request = UpdateOrderRequest(order_id=order_id, etag=etag, restock=restock)
        if status is not None:
            request.status = number(Order.Status, status)
        if shipping_address is None:
            but = ("order_id", "etag", "restock")
            set_mask(request, request.update_mask, cleared=["shipping_address"], but=but)
        elif shipping_address is not UNSET:
            request.shipping_address.CopyFrom(shipping_address)
        return await self._connection.call(self._stub.UpdateOrder, request, timeout_seconds)

    async def delete(
        self, order_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes an order that is PENDING or CANCELLED; it is taken out of the reports.

        Raises `NotFound`, `Conflict` (ORDER_NOT_DELETABLE), `Outdated` (ETAG_MISMATCH).
        `NotFound` may also mean that a first attempt had deleted it before a retry.
        """
        request = DeleteOrderRequest(order_id=order_id, etag=etag)
        await self._connection.call(self._stub.DeleteOrder, request, timeout_seconds)

    async def erase_buyer(
        self, user_id: str, erased_at: datetime, *, timeout_seconds: float | None = None
    ) -> ErasureReceipt:
        """Erases a buyer whose account was deleted at that time. For services.

        A repeat goes on where one before was interrupted. Raises `InvalidRequest`.
        """
        request = EraseBuyerRequest(user_id=user_id, erased_at=timestamp(erased_at))
        return await self._connection.call(self._personal_data.EraseBuyer, request, timeout_seconds)

    async def export_buyer(
        self,
        user_id: str,
        *,
        part: str = "",
        page_token: str = "",
        timeout_seconds: float | None = None,
    ) -> Sequence[ExportedPart]:
        """What is held of a buyer, or a page of one part. For services.

        Raises `InvalidRequest` (INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        request = ExportBuyerRequest(user_id=user_id, part=part, page_token=page_token)
        answer = await self._connection.call(
            self._personal_data.ExportBuyer, request, timeout_seconds
        )
        return answer.parts


def _new_item(line: OrderLine) -> NewOrderItem:
    return NewOrderItem(
        product_id=line.product_id,
        quantity=line.quantity,
        product_name=line.product_name,
        unit_price="" if line.unit_price is None else money(line.unit_price),
    )
