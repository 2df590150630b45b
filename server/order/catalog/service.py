"""The catalogue: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from uuid_utils import uuid7

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.catalog import rules, wire
from server.order.catalog.store import SORTABLE, CatalogStore

_BY_NAME = Sort("name", descending=False)


class CatalogService:
    """`emporium.order.v1.CatalogService`."""

    def __init__(self, store: CatalogStore, shop_currency: str, tokens: PageTokens) -> None:
        self._store = store
        self._shop_currency = shop_currency
        self._tokens = tokens

    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> pb.Product:
        new = wire.from_create(request)
        product = rules.add_product(new, _new_id(), _now(), self._shop_currency)
        context.response = message = wire.to_product(product)
        answer = message.SerializeToString()
        return pb.Product.FromString(await self._store.create(product, context.key, answer))

    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.Product:
        return wire.to_product(await self._store.get(request.product_id))

    async def ListProducts(
        self, request: pb.ListProductsRequest, context: Context
    ) -> pb.ListProductsResponse:
        filters = wire.from_list(request)
        rules.check_prices(filters)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_BY_NAME, filters=filters
        )
        return wire.to_list(query, await self._store.list(filters, query))


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
