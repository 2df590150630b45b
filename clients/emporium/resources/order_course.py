"""What becomes of an order, and what is noted on it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.order_service_pb2 import (
    CancelOrderRequest,
    CreateOrderNoteRequest,
    DeleteOrderNoteRequest,
    ListOrderHistoryRequest,
    ListOrderNotesRequest,
    Order,
    OrderMove,
    OrderNote,
    WatchOrderRequest,
    WatchOrderResponse,
)
from emporium.order.v1.order_service_pb2_grpc import OrderServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import query


class OrderCourse:
    """The part of `shop.orders` that is about one order's course: its end, history, notes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = OrderServiceStub(connection.channel)

    def history(self, order_id: str, **options: Unpack[PageOptions]) -> Listing[OrderMove]:
        """Lists what the order's status has been, with who, when and why; oldest first.

        Sort by `occurred_at`. Who of staff it was is told to staff alone.

        Reading it raises `NotFound` (ORDER_NOT_FOUND), `InvalidRequest` (UNKNOWN_SORT_FIELD,
        INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListOrderHistoryRequest) -> Page[OrderMove]:
            answer = await self._connection.call(
                self._stub.ListOrderHistory, request, timeout_seconds
            )
            return Page(answer.moves, answer.meta)

        return Listing(ListOrderHistoryRequest(order_id=order_id, **query(options)), fetch)

    async def cancel(
        self,
        order_id: str,
        *,
        reason: str = "",
        etag: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Order:
        """Cancels an order that is PENDING; one that is CANCELLED already stays as it is.

        Whoever may read the order reads the `reason` in its history. Keys as in `create`; with an
        `etag` the change is refused when the order has another by now.

        Raises `NotFound` (ORDER_NOT_FOUND), `Conflict` (ILLEGAL_STATUS_MOVE), `Outdated`
        (ETAG_MISMATCH), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = CancelOrderRequest(
            order_id=order_id,
            reason=reason,
            etag=etag,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CancelOrder, request, timeout_seconds)

    async def watch(
        self, order_id: str, *, after: str = ""
    ) -> AsyncGenerator[WatchOrderResponse, None]:
        """The order as it is, and again whenever it has changed; no deadline.

        `after` is the `token` of the last message that you have had. Ends after the message with
        `is_last`: the order moves no more. Where the server ends the stream, every few minutes, it
        is gone on with.

        Raises `NotFound` (ORDER_NOT_FOUND), also when the order is deleted meanwhile,
        `RateLimited`, `Unavailable`.
        """
        while True:
            request = WatchOrderRequest(order_id=order_id, after=after)
            stream = self._connection.stream(self._stub.WatchOrder, request)
            async with aclosing(stream) as states:
                async for state in states:
                    yield state
                    if state.is_last:
                        return
                    after = state.token

    async def add_note(
        self,
        order_id: str,
        text: str,
        *,
        visible_to_buyer: bool | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> OrderNote:
        """Adds a note to an order, which has 100 at most. Keys as in `create`.

        What a buyer writes is read by the buyer and by staff; what staff write by staff alone,
        unless `visible_to_buyer`.

        Raises `NotFound` (ORDER_NOT_FOUND), `Conflict` (TOO_MANY_ORDER_NOTES, ORDER_ANONYMOUS),
        `PermissionDenied` (STAFF_ONLY_FIELD), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = CreateOrderNoteRequest(
            order_id=order_id,
            text=text,
            visible_to_buyer=visible_to_buyer,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateOrderNote, request, timeout_seconds)

    def notes(self, order_id: str, **options: Unpack[PageOptions]) -> Listing[OrderNote]:
        """Lists the notes on an order that the caller may read; oldest first.

        Sort by `created_at`. Reading it raises `NotFound` (ORDER_NOT_FOUND), `InvalidRequest`
        (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListOrderNotesRequest) -> Page[OrderNote]:
            answer = await self._connection.call(
                self._stub.ListOrderNotes, request, timeout_seconds
            )
            return Page(answer.notes, answer.meta)

        return Listing(ListOrderNotesRequest(order_id=order_id, **query(options)), fetch)

    async def delete_note(
        self, order_id: str, note_id: str, *, timeout_seconds: float | None = None
    ) -> None:
        """Deletes a note: staff any, a buyer what buyers wrote.

        Raises `NotFound` (ORDER_NOT_FOUND, ORDER_NOTE_NOT_FOUND), which may also mean that a first
        attempt had deleted it before a retry.
        """
        request = DeleteOrderNoteRequest(order_id=order_id, note_id=note_id)
        await self._connection.call(self._stub.DeleteOrderNote, request, timeout_seconds)
