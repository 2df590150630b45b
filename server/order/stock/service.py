"""Stock: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from emporium.order.v1 import stock_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.catalog.store import CatalogStore
from server.order.stock import rules, wire
from server.order.stock.store import SORTABLE, StockStore

_LATEST_FIRST = Sort("number", descending=True)


class StockService:
    """`emporium.order.v1.StockService`."""

    def __init__(self, store: StockStore, catalog: CatalogStore, tokens: PageTokens) -> None:
        self._store = store
        self._catalog = catalog
        self._tokens = tokens

    async def GetStock(self, request: pb.GetStockRequest, context: Context) -> pb.Stock:
        product_id = request.product_id.lower()
        stock = await self._store.get(product_id)
        if stock is None:
            stock = rules.Stock((await self._catalog.get(product_id, only_active=False)).id)
        return wire.to_stock(stock)

    async def UpdateStock(self, request: pb.UpdateStockRequest, context: Context) -> pb.Stock:
        edit = wire.from_update(request)
        rules.check_edit(edit)
        cause = rules.Cause(at=datetime.now(UTC), traceparent=context.traceparent)

        def change(stock: rules.Stock) -> rules.Change:
            return rules.edited(stock, edit, cause)

        return wire.to_stock(await self._store.update(request.product_id.lower(), change))

    async def AdjustStock(self, request: pb.AdjustStockRequest, context: Context) -> pb.Stock:
        cause = rules.Cause(
            at=datetime.now(UTC),
            actor_id=context.signed_in.id,
            reason=wire.reason_of(request),
            note=request.note,
            traceparent=context.traceparent,
        )

        def change(stock: rules.Stock) -> rules.Change:
            return rules.adjusted(stock, request.delta, cause)

        def answer(stock: rules.Stock) -> bytes:
            return wire.to_stock(stock).SerializeToString()

        product_id = request.product_id.lower()
        given = await self._store.adjust(product_id, change, context.key, answer)
        return pb.Stock.FromString(given)

    async def ListStockMovements(
        self, request: pb.ListStockMovementsRequest, context: Context
    ) -> pb.ListStockMovementsResponse:
        product_id = request.product_id.lower()
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_LATEST_FIRST, filters=product_id
        )
        # What has moved stays after its product, and is nobody's to see any more: as the product.
        await self._catalog.get(product_id, only_active=False)
        return wire.to_list(query, await self._store.movements(product_id, query))
