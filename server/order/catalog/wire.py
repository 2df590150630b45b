"""Products between Protobuf and dataclasses."""

from decimal import Decimal

from emporium.order.v1 import catalog_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import money, timestamp
from server.order.catalog.rules import NewProduct, Product, ProductFilters


def to_product(product: Product) -> pb.Product:
    """A product on the wire."""
    return pb.Product(
        id=product.id,
        sku=product.sku,
        name=product.name,
        unit_price=money(product.unit_price, product.currency),
        currency=product.currency,
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
    return NewProduct(
        request.sku, request.name, amount(request.unit_price), request.currency or None
    )


def from_list(request: pb.ListProductsRequest) -> ProductFilters:
    """Which products the caller asks for."""
    return ProductFilters(
        sku=request.sku or None,
        min_price=amount(request.min_price) if request.min_price else None,
        max_price=amount(request.max_price) if request.max_price else None,
    )


def amount(text: str) -> Decimal:
    """A price in the contract's format, with as many decimals as were sent."""
    return Decimal(text)
