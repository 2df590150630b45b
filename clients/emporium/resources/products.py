"""Products."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.catalog_service_pb2 import (
    BatchGetProductsRequest,
    CreateProductRequest,
    DeleteProductRequest,
    GetProductRequest,
    ListProductsRequest,
    Product,
    UpdateProductRequest,
)
from emporium.order.v1.catalog_service_pb2_grpc import CatalogServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.values import Money, money, number, query, set_mask

ProductStatusName: TypeAlias = "str | Product.Status.ValueType"


BATCH_GET_MAX = 100
"""The most products that one `products.batch_get` may ask for, as the contract has it."""

WHOLES: "tuple[Literal['categories', 'attributes'], ...]" = ("categories", "attributes")
"""What is replaced as a whole, so that it is cleared by being empty."""


class ProductDetails(TypedDict, total=False):
    """What a product may have, and need not."""

    description: str
    """What it is, in several lines."""
    currency: str
    """ISO 4217; of a new product the shop's own when left out. No price is converted."""
    status: ProductStatusName
    """`draft`, `active` (a new one, unless said otherwise) or `archived`."""
    categories: Sequence[str]
    """The ids of the categories that it is in."""
    attributes: Mapping[str, str]
    """Further facts, such as `{"colour": "red"}`."""
    weight_grams: int
    """What one weighs when it is sent."""


class ProductChanges(ProductDetails, total=False):
    """The arguments of `products.update`."""

    sku: str
    name: str
    unit_price: Money


class ProductFilters(PageOptions, total=False):
    """The arguments of `products.list`.

    Sorts by `name` (ascending by default), `sku`, `unit_price` or `created_at`; with `q` by
    `relevance`, too, which is the default then (descending).
    """

    sku: str
    """Only the product with this code, in any case."""
    price_min: Money
    """Only products that cost this much or more."""
    price_max: Money
    """Only products that cost this much or less."""
    min_price: Money
    """What `price_min` was called."""
    max_price: Money
    """What `price_max` was called."""
    status: str
    """Only products in this status: `draft`, `active` or `archived`. Staff alone see them all."""
    category: str
    """Only products in this category, or in one beneath it; an id."""
    q: str
    """Only products where each of these words begins a word of name or description; where there are
    none, those whose names have words that are spelt much alike. 1,000 of them are ranked."""
    attribute: Sequence[str]
    """Only products that have all of these, such as `colour:red`."""
    in_stock: bool
    """Whether one can be ordered at this moment."""


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
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
        **details: Unpack[ProductDetails],
    ) -> Product:
        """Adds a product; for staff. `currency` is ISO 4217, the shop's own when left out.

        It is `active` unless `status` says otherwise.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `AlreadyExists` (SKU_TAKEN, IDEMPOTENCY_KEY_REUSED), `InvalidRequest`,
        `PermissionDenied`.
        """
        request = CreateProductRequest(
            sku=sku,
            name=name,
            unit_price=money(unit_price),
            request_id=idempotency_key or str(uuid4()),
            **_fields(details),
        )
        return await self._connection.call(self._stub.CreateProduct, request, timeout_seconds)

    async def get(self, product_id: str, *, timeout_seconds: float | None = None) -> Product:
        """Reads a product. Raises `NotFound` (PRODUCT_NOT_FOUND), also when only staff see it."""
        request = GetProductRequest(product_id=product_id)
        return await self._connection.call(self._stub.GetProduct, request, timeout_seconds)

    async def batch_get(
        self, product_ids: Iterable[str], *, timeout_seconds: float | None = None
    ) -> Sequence[Product]:
        """Reads 1 to `BATCH_GET_MAX` products at once.

        They come in the order of `product_ids`, each once. What is not there, or not to be seen, is
        left out. Raises `InvalidRequest` (VALIDATION_FAILED).
        """
        request = BatchGetProductsRequest(ids=product_ids)
        answer = await self._connection.call(self._stub.BatchGetProducts, request, timeout_seconds)
        return answer.products

    def list(self, **filters: Unpack[ProductFilters]) -> Listing[Product]:
        """Lists products, by name unless `sort` says otherwise.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")
        fields = query(filters, amounts={"min_price", "max_price", "price_min", "price_max"})

        async def fetch(request: ListProductsRequest) -> Page[Product]:
            answer = await self._connection.call(self._stub.ListProducts, request, timeout_seconds)
            return Page(answer.products, answer.meta)

        return Listing(ListProductsRequest(**fields), fetch)

    async def update(
        self,
        product_id: str,
        *,
        etag: str = "",
        timeout_seconds: float | None = None,
        **changes: Unpack[ProductChanges],
    ) -> Product:
        """Changes the fields that are given, and no others; for staff.

        `categories` and `attributes` are all that it has from now on: none where they are empty.

        With an `etag` the change is refused when the product has another by now.

        Raises `NotFound` (PRODUCT_NOT_FOUND), `AlreadyExists` (SKU_TAKEN), `Outdated`
        (ETAG_MISMATCH), `InvalidRequest` (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not retried,
        because it is not idempotent.
        """
        request = UpdateProductRequest(product_id=product_id, etag=etag, **_fields(changes))
        if cleared := [name for name in WHOLES if name in changes and not changes[name]]:
            set_mask(request, request.update_mask, cleared=cleared, but=("product_id", "etag"))
        return await self._connection.call(self._stub.UpdateProduct, request, timeout_seconds)

    async def delete(
        self, product_id: str, *, etag: str = "", timeout_seconds: float | None = None
    ) -> None:
        """Deletes a product for good; for staff. Orders keep their lines of it.

        What is only sold no more becomes `archived`, by `update`.

        Raises `NotFound` (PRODUCT_NOT_FOUND), `Outdated` (ETAG_MISMATCH). `NotFound` may also mean
        that a first attempt had deleted it before a retry.
        """
        request = DeleteProductRequest(product_id=product_id, etag=etag)
        await self._connection.call(self._stub.DeleteProduct, request, timeout_seconds)


def _fields(details: ProductDetails) -> dict[str, Any]:
    fields: dict[str, Any] = {name: each for name, each in details.items() if each is not None}
    if "unit_price" in fields:
        fields["unit_price"] = money(fields["unit_price"])
    if "status" in fields:
        fields["status"] = number(Product.Status, fields["status"])
    return fields
