"""Stock."""

from typing import TypeAlias, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.stock_service_pb2 import (
    AdjustStockRequest,
    GetStockRequest,
    ListStockMovementsRequest,
    Stock,
    StockMovement,
    UpdateStockRequest,
)
from emporium.order.v1.stock_service_pb2_grpc import StockServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import UNSET, Unset, number, query, set_mask

ReasonName: TypeAlias = "str | StockMovement.Reason.ValueType"


class StockLevels:
    """`shop.stock`: how much there is of each product; for staff."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = StockServiceStub(connection.channel)

    async def get(self, product_id: str, *, timeout_seconds: float | None = None) -> Stock:
        """What there is of a product. Raises `NotFound` (PRODUCT_NOT_FOUND)."""
        request = GetStockRequest(product_id=product_id)
        return await self._connection.call(self._stub.GetStock, request, timeout_seconds)

    async def adjust(
        self,
        product_id: str,
        delta: int,
        reason: ReasonName,
        *,
        note: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Stock:
        """Adds `delta` to what is on hand, or takes it off; `reason` is `received` and so on.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `NotFound` (PRODUCT_NOT_FOUND), `Conflict` (STOCK_TOO_LOW, STOCK_TOO_HIGH),
        `AlreadyExists` (IDEMPOTENCY_KEY_REUSED), `InvalidRequest`, `PermissionDenied`.
        """
        request = AdjustStockRequest(
            product_id=product_id,
            delta=delta,
            reason=number(StockMovement.Reason, reason),
            note=note,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.AdjustStock, request, timeout_seconds)

    async def update(
        self,
        product_id: str,
        *,
        tracked: bool | None = None,
        backorders: bool | None = None,
        low_stock_at: int | Unset | None = UNSET,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Stock:
        """Changes the fields that are given, and no others; `low_stock_at=None` clears it.

        With an `etag` the change is refused when the stock has another by now.

        Raises `NotFound` (PRODUCT_NOT_FOUND), `Conflict` (STOCK_IS_OWED), `Outdated`
        (ETAG_MISMATCH), `InvalidRequest` (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not retried,
        because it is not idempotent.
        """
        request = UpdateStockRequest(
            product_id=product_id, tracked=tracked, backorders=backorders, etag=etag
        )
        if low_stock_at is None:
            but = ("product_id", "etag")
            set_mask(request, request.update_mask, cleared=["low_stock_at"], but=but)
        elif low_stock_at is not UNSET:
            request.low_stock_at = low_stock_at
        return await self._connection.call(self._stub.UpdateStock, request, timeout_seconds)

    def movements(self, product_id: str, **options: Unpack[PageOptions]) -> Listing[StockMovement]:
        """Lists what has moved a product's stock, the latest first; sorts by `number`.

        Reading it raises `NotFound` (PRODUCT_NOT_FOUND), `InvalidRequest` (UNKNOWN_SORT_FIELD,
        INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")
        fields = query(options)

        async def fetch(request: ListStockMovementsRequest) -> Page[StockMovement]:
            answer = await self._connection.call(
                self._stub.ListStockMovements, request, timeout_seconds
            )
            return Page(answer.stock_movements, answer.meta)

        return Listing(ListStockMovementsRequest(product_id=product_id, **fields), fetch)
