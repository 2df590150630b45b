"""The catalogue: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.catalog import rules, wire
from server.order.catalog.store import (
    RELEVANCE,
    SORTABLE,
    SORTABLE_CATEGORIES,
    SORTABLE_FOUND,
    CatalogStore,
    CategoryStore,
)

_BY_NAME = Sort("name", descending=False)
_BEST_FIRST = Sort(RELEVANCE, descending=True)


class CatalogService:
    """`emporium.order.v1.CatalogService`."""

    def __init__(
        self,
        store: CatalogStore,
        categories: CategoryStore,
        shop_currency: str,
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._categories = categories
        self._shop_currency = shop_currency
        self._tokens = tokens

    async def CreateProduct(self, request: pb.CreateProductRequest, context: Context) -> pb.Product:
        new, trace = wire.from_create(request), context.traceparent
        added = rules.add_product(new, _new_id(), _new_id(), _now(), self._shop_currency, trace)
        context.response = message = wire.to_product(added.product)
        answer = message.SerializeToString()
        return pb.Product.FromString(await self._store.create(added, context.key, answer))

    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.Product:
        found = await self._store.get(request.product_id, only_active=_sees_active_alone(context))
        return wire.to_product(found)

    async def BatchGetProducts(
        self, request: pb.BatchGetProductsRequest, context: Context
    ) -> pb.BatchGetProductsResponse:
        ids = [each.lower() for each in request.ids]
        found = await self._store.get_many(ids, only_active=_sees_active_alone(context))
        return wire.to_batch(ids, found)

    async def ListProducts(
        self, request: pb.ListProductsRequest, context: Context
    ) -> pb.ListProductsResponse:
        filters = wire.from_list(request, only_active=_sees_active_alone(context))
        sortable, default = (SORTABLE_FOUND, _BEST_FIRST) if filters.words else (SORTABLE, _BY_NAME)
        query = page_query(
            request, self._tokens, sortable=sortable, default=default, filters=filters
        )
        return wire.to_list(query, await self._store.list(filters, query))

    async def UpdateProduct(self, request: pb.UpdateProductRequest, context: Context) -> pb.Product:
        change, event_id, now = wire.from_update(request), _new_id(), _now()
        trace = context.traceparent
        product = await self._store.update(
            request.product_id,
            lambda product: rules.change_product(product, change, event_id, now, trace),
        )
        return wire.to_product(product)

    async def DeleteProduct(self, request: pb.DeleteProductRequest, context: Context) -> Empty:
        event_id, now, trace = _new_id(), _now(), context.traceparent
        await self._store.delete(
            request.product_id,
            lambda product: rules.delete_product(product, request.etag, event_id, now, trace),
        )
        return Empty()

    async def CreateCategory(
        self, request: pb.CreateCategoryRequest, context: Context
    ) -> pb.Category:
        parent_id = request.parent_id.lower() or None
        category = rules.add_category(request.name, parent_id, _new_id(), _now())
        context.response = message = wire.to_category(category)
        answer = message.SerializeToString()
        return pb.Category.FromString(await self._categories.create(category, context.key, answer))

    async def GetCategory(self, request: pb.GetCategoryRequest, context: Context) -> pb.Category:
        return wire.to_category(await self._categories.get(request.category_id))

    async def ListCategories(
        self, request: pb.ListCategoriesRequest, context: Context
    ) -> pb.ListCategoriesResponse:
        filters = rules.CategoryFilters(request.parent_id.lower() or None)
        query = page_query(
            request, self._tokens, sortable=SORTABLE_CATEGORIES, default=_BY_NAME, filters=filters
        )
        return wire.to_category_list(query, await self._categories.list(filters, query))

    async def UpdateCategory(
        self, request: pb.UpdateCategoryRequest, context: Context
    ) -> pb.Category:
        change, now = wire.from_category_update(request), _now()
        category = await self._categories.update(
            request.category_id,
            lambda category, tree: rules.change_category(category, tree, change, now),
        )
        return wire.to_category(category)

    async def DeleteCategory(self, request: pb.DeleteCategoryRequest, context: Context) -> Empty:
        await self._categories.delete(
            request.category_id,
            lambda category, inside: rules.check_deletion(category, request.etag, inside),
        )
        return Empty()


def _sees_active_alone(context: Context) -> bool:
    return context.caller is None or not context.caller.is_staff


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
