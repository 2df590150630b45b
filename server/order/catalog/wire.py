"""Products and categories between Protobuf and dataclasses."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit import errors
from server.kit.listing.filters import choice, words
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, money, timestamp
from server.order.catalog.rules import (
    CLEARABLE,
    EMPTY,
    Category,
    CategoryChange,
    NewProduct,
    Product,
    ProductChange,
    ProductFilters,
    ProductStatus,
    check_prices,
)

_STATUSES = {ProductStatus(name): number for name, number in pb.Product.Status.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}


def to_product(product: Product) -> pb.Product:
    """A product on the wire."""
    return pb.Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        unit_price=money(product.unit_price, product.currency),
        currency=product.currency,
        status=_STATUSES[product.status],
        categories=product.categories,
        attributes=product.attributes,
        weight_grams=product.weight_grams,
        created_at=timestamp(product.created_at),
        updated_at=timestamp(product.updated_at),
        available=product.available,
        etag=product.etag,
    )


def to_list(query: PageQuery, page: Page[Product]) -> pb.ListProductsResponse:
    """A page of products on the wire."""
    return pb.ListProductsResponse(
        products=[to_product(product) for product in page.rows], meta=page_meta(query, page)
    )


def to_batch(ids: Sequence[str], found: Sequence[Product]) -> pb.BatchGetProductsResponse:
    """Those of `ids` that were found, on the wire, and which were not."""
    there = {product.id for product in found}
    return pb.BatchGetProductsResponse(
        products=[to_product(product) for product in found],
        missing_ids=[each for each in dict.fromkeys(ids) if each not in there],
    )


def to_category(category: Category) -> pb.Category:
    """A category on the wire."""
    return pb.Category(
        id=category.id,
        name=category.name,
        parent_id=category.parent_id or "",
        created_at=timestamp(category.created_at),
        updated_at=timestamp(category.updated_at),
        etag=category.etag,
    )


def to_category_list(query: PageQuery, page: Page[Category]) -> pb.ListCategoriesResponse:
    """A page of categories on the wire."""
    return pb.ListCategoriesResponse(
        categories=[to_category(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_category_update(request: pb.UpdateCategoryRequest) -> CategoryChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        "name": request.name if request.HasField("name") else None,
        "parent_id": request.parent_id.lower() if request.HasField("parent_id") else None,
    }
    return CategoryChange(
        fields_of_mask(request.update_mask.paths, present, CLEARABLE), request.etag
    )


def from_create(request: pb.CreateProductRequest) -> NewProduct:
    """The product that the caller asks for."""
    status = request.status if request.HasField("status") else pb.Product.ACTIVE
    return NewProduct(
        request.sku,
        request.name,
        amount(request.unit_price),
        request.currency or None,
        description=request.description,
        status=_STATUSES_BY_NUMBER[status],
        attributes=dict(request.attributes),
        categories=_ids(request.categories),
        weight_grams=request.weight_grams if request.HasField("weight_grams") else None,
    )


def from_list(request: pb.ListProductsRequest, *, only_active: bool) -> ProductFilters:
    """Which products the caller asks for, of those to be seen. Raises `InvalidFilter`."""
    filters = ProductFilters(
        sku=request.sku or None,
        price_min=_bound(request, "price_min", "min_price"),
        price_max=_bound(request, "price_max", "max_price"),
        status=choice(request.status, "status", ProductStatus, tuple(ProductStatus)),
        category=request.category.lower() or None,
        attributes=_wanted(request),
        in_stock=request.in_stock if request.HasField("in_stock") else None,
        words=words(request.q, "q"),
        only_active=only_active,
    )
    least = "min_price" if request.min_price else "price_min"
    check_prices(filters, least, "max_price" if request.max_price else "price_max")
    return filters


def from_update(request: pb.UpdateProductRequest) -> ProductChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        name: _present(request, name)
        for name in (
            *("sku", "name", "description", "unit_price", "currency", "status"),
            "weight_grams",
        )
    }
    if present["unit_price"] is not None:
        present["unit_price"] = amount(request.unit_price)
    if present["status"] is not None:
        present["status"] = _STATUSES_BY_NUMBER[request.status]
    present["categories"] = _ids(request.categories) or None
    present["attributes"] = dict(request.attributes) or None
    fields = fields_of_mask(request.update_mask.paths, present, EMPTY)
    return ProductChange(fields, request.etag)


def _ids(sent: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.lower() for each in sent))


def amount(text: str) -> Decimal:
    """A price in the contract's format, with as many decimals as were sent."""
    return Decimal(text)


def _present(request: pb.UpdateProductRequest, name: Any) -> Any:
    return getattr(request, name) if request.HasField(name) else None


def _bound(request: pb.ListProductsRequest, name: str, former_name: str) -> Decimal | None:
    given, former = getattr(request, name), getattr(request, former_name)
    if given and former:
        raise errors.InvalidFilter(
            f"is what {name} was called: send one of them", field=former_name
        )
    return amount(given or former) if given or former else None


def _wanted(request: pb.ListProductsRequest) -> dict[str, str] | None:
    wanted: dict[str, str] = {}
    for index, text in enumerate(request.attribute):
        name, _, value = text.partition(":")
        if wanted.setdefault(name, value) != value:
            raise errors.InvalidFilter(
                f"no product has '{name}' twice", field=f"attribute[{index}]"
            )
    return wanted or None
