"""Returns."""

from collections.abc import Mapping
from typing import TypeAlias, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.return_service_pb2 import (
    CreateReturnRequest,
    GetReturnRequest,
    JudgedItem,
    ListReturnsRequest,
    NewReturnItem,
    Return,
    UpdateReturnRequest,
)
from emporium.order.v1.return_service_pb2_grpc import ReturnServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, number, query

ReturnStatusName: TypeAlias = "str | Return.Status.ValueType"
ReturnReasonName: TypeAlias = "str | Return.Reason.ValueType"


class Returns:
    """`shop.returns`: what buyers send back of their orders, and what they get for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ReturnServiceStub(connection.channel)

    async def create(
        self,
        order_id: str,
        items: Mapping[int, int] | None = None,
        *,
        reason: ReturnReasonName,
        comment: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Return:
        """Asks to send something of an order back, because of `defective`, `unwanted` and so on.

        `items` says how many of which line, counted from 1: `{1: 2, 3: 1}`; left out: all that was
        sent and is not back yet. A repeat with the same `idempotency_key` gets the first answer.

        Raises `NotFound` (ORDER_NOT_FOUND), `Conflict` (ORDER_NOT_RETURNABLE, RETURN_TOO_LATE,
        RETURN_EXCEEDS_SHIPPED, TOO_MANY_RETURNS, ORDER_ANONYMOUS), `AlreadyExists`
        (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`.
        """
        request = CreateReturnRequest(
            order_id=order_id,
            items=[NewReturnItem(position=at, quantity=n) for at, n in (items or {}).items()],
            reason=number(Return.Reason, reason),
            comment=comment,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateReturn, request, timeout_seconds)

    async def get(self, return_id: str, *, timeout_seconds: float | None = None) -> Return:
        """Reads a return, with its history. Raises `NotFound` (RETURN_NOT_FOUND)."""
        request = GetReturnRequest(return_id=return_id)
        return await self._connection.call(self._stub.GetReturn, request, timeout_seconds)

    def list(self, order_id: str, **options: Unpack[PageOptions]) -> Listing[Return]:
        """Lists an order's returns, oldest first; each with its first items.

        Reading it raises `NotFound` (ORDER_NOT_FOUND), `InvalidRequest`.
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListReturnsRequest) -> Page[Return]:
            answer = await self._connection.call(self._stub.ListReturns, request, timeout_seconds)
            return Page(answer.returns, answer.meta)

        return Listing(ListReturnsRequest(order_id=order_id, **query(options)), fetch)

    async def move(  # noqa: PLR0913 - each is a field of the request
        self,
        return_id: str,
        status: ReturnStatusName,
        *,
        accepted: Mapping[int, int] | None = None,
        refused: Mapping[int, int] | None = None,
        restock: bool | None = None,
        refund_amount: Money | None = None,
        reason: str = "",
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Return:
        """Moves a return; buyers to `cancelled`, staff to `approved`, `received` and so on.

        With `received` go what was `accepted` and `refused` of which line, left out: all accepted;
        and whether what was accepted goes back into the stock. With `refunded` goes how much, left
        out: all. A return that is there already stays as it is.

        Raises `NotFound` (RETURN_NOT_FOUND), `Outdated` (ETAG_MISMATCH), `PermissionDenied`
        (STAFF_ONLY_FIELD), `Conflict` (ILLEGAL_RETURN_MOVE, RETURN_EXCEEDS_SHIPPED,
        RETURN_REFUND_TOO_LARGE, RETURN_REFUND_IN_PROGRESS, PAYMENT_IN_PROGRESS, PAYMENT_REFUSED,
        ORDER_ANONYMOUS), `InvalidRequest`. Not retried, because it is not idempotent.
        """
        came, not_taken = accepted or {}, refused or {}
        request = UpdateReturnRequest(
            return_id=return_id,
            status=number(Return.Status, status),
            items=[
                JudgedItem(
                    position=at,
                    accepted_quantity=came.get(at, 0),
                    refused_quantity=not_taken.get(at, 0),
                )
                for at in sorted({*came, *not_taken})
            ],
            restock=restock,
            refund_amount=None if refund_amount is None else money(refund_amount),
            reason=reason,
            etag=etag,
        )
        return await self._connection.call(self._stub.UpdateReturn, request, timeout_seconds)
