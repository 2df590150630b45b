"""Products between Protobuf and dataclasses."""

from decimal import Decimal
from typing import Any

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit import errors
from server.kit.listing.filters import choice
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, money, timestamp
from server.order.catalog.rules import (
    EMPTY,
    NewProduct,
    Product,
    ProductChange,
    ProductFilters,
    ProductStatus,
    check_prices,
)

_CENTS = Decimal("0.01")

_STATUSES = {ProductStatus(name): number for name, number in pb.Product.Status.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}


def to_product(product: Product) -> pb.Product:
    """A product on the wire."""
    return pb.Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        description=product.description,
        unit_price=money(product.unit_price),
        currency=product.currency,
        status=_STATUSES[product.status],
        attributes=product.attributes,
        created_at=timestamp(product.created_at),
        updated_at=timestamp(product.updated_at),
        etag=product.etag,
    )


def to_list(query: PageQuery, page: Page[Product]) -> pb.ListProductsResponse:
    """A page of products on the wire."""
    return pb.ListProductsResponse(
        products=[to_product(product) for product in page.rows], meta=page_meta(query, page)
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
    )


def from_list(request: pb.ListProductsRequest, *, only_active: bool) -> ProductFilters:
    """Which products the caller asks for, of those to be seen. Raises `InvalidFilter`."""
    filters = ProductFilters(
        sku=request.sku or None,
        price_min=_bound(request, "price_min", "min_price"),
        price_max=_bound(request, "price_max", "max_price"),
        status=choice(request.status, "status", ProductStatus, tuple(ProductStatus)),
        attributes=_wanted(request),
        only_active=only_active,
    )
    least = "min_price" if request.min_price else "price_min"
    check_prices(filters, least, "max_price" if request.max_price else "price_max")
    return filters


def from_update(request: pb.UpdateProductRequest) -> ProductChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        name: _present(request, name)
        for name in ("sku", "name", "description", "unit_price", "currency", "status")
    }
    if present["unit_price"] is not None:
        present["unit_price"] = amount(request.unit_price)
    if present["status"] is not None:
        present["status"] = _STATUSES_BY_NUMBER[request.status]
    present["attributes"] = dict(request.attributes) or None
    fields = fields_of_mask(request.update_mask.paths, present, EMPTY)
    return ProductChange(fields, request.etag)


def amount(text: str) -> Decimal:
    """A price in the contract's format, with two places."""
    return Decimal(text).quantize(_CENTS)


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
