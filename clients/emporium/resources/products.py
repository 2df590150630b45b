"""Products."""

from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.catalog_service_pb2 import (
    CreateProductRequest,
    GetProductRequest,
    ListProductsRequest,
    Product,
)
from emporium.order.v1.catalog_service_pb2_grpc import CatalogServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, query


class ProductFilters(PageOptions, total=False):
    """The arguments of `products.list`.

    Sorts by `name` (ascending by default), `sku`, `unit_price` or `created_at`.
    """

    sku: str
    """Only the product with this code, in any case."""
    min_price: Money
    """Only products that cost this much or more."""
    max_price: Money
    """Only products that cost this much or less."""


class Products:
    """`shop.products`: the catalogue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = CatalogServiceStub(connection.channel)

    async def create(
        self,
        sku: str,
        name: str,
        unit_price: Money,
        *,
        currency: str = "",
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Product:
        """Adds a product; for staff. `currency` is ISO 4217, the shop's own when left out.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `AlreadyExists` (SKU_TAKEN, IDEMPOTENCY_KEY_REUSED), `InvalidRequest`,
        `PermissionDenied`.
        """
        request = CreateProductRequest(
            sku=sku,
            name=name,
            unit_price=money(unit_price),
            currency=currency,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateProduct, request, timeout_seconds)

    async def get(self, product_id: str, *, timeout_seconds: float | None = None) -> Product:
        """Reads a product. Raises `NotFound` (PRODUCT_NOT_FOUND)."""
        request = GetProductRequest(product_id=product_id)
        return await self._connection.call(self._stub.GetProduct, request, timeout_seconds)

    def list(self, **filters: Unpack[ProductFilters]) -> Listing[Product]:
        """Lists products, by name unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")
        fields = query(filters, amounts={"min_price", "max_price"})

        async def fetch(request: ListProductsRequest) -> Page[Product]:
            answer = await self._connection.call(self._stub.ListProducts, request, timeout_seconds)
            return Page(answer.products, answer.meta)

        return Listing(ListProductsRequest(**fields), fetch)
