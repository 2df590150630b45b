"""Products, and the rules of adding and listing them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors


class ProductNotFound(errors.NotFound):
    """No such product."""

    reason = "PRODUCT_NOT_FOUND"


class SkuTaken(errors.AlreadyExists):
    """Another product has that code, in this or another case."""

    reason = "SKU_TAKEN"


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Ids are UUIDs as text, in lower case."""

    id: str
    sku: str
    name: str
    unit_price: Decimal
    currency: str
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)


class Break(NamedTuple):
    """What one costs where there are so many."""

    min_quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Offer:
    """What placing an order needs of a product."""

    name: str
    unit_price: Decimal
    currency: str
    breaks: Sequence[Break] = ()  # by rising quantities


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product as the caller asks for it."""

    sku: str
    name: str
    unit_price: Decimal
    currency: str | None  # None: the shop's


@dataclass(frozen=True, slots=True)
class ProductFilters:
    """Which products to list; None is no filter."""

    sku: str | None = None  # in any case
    min_price: Decimal | None = None  # included
    max_price: Decimal | None = None  # included


def add_product(new: NewProduct, product_id: str, now: datetime, shop_currency: str) -> Product:
    """The product to store for `new`. Raises `Invalid` for its currency, or its price in that."""
    errors.Invalid.check(currencies.unknown(new.currency))
    currency = new.currency or shop_currency
    errors.Invalid.check(currencies.too_fine(new.unit_price, currency, "unit_price"))
    return Product(
        id=product_id,
        sku=new.sku,
        name=new.name,
        unit_price=new.unit_price,
        currency=currency,
        created_at=now,
        updated_at=now,
        version=1,
    )


def check_prices(filters: ProductFilters) -> None:
    """Raises `InvalidFilter` when the lower bound is above the upper one."""
    least, most = filters.min_price, filters.max_price
    if least is not None and most is not None and most < least:
        raise errors.InvalidFilter("is below min_price", field="max_price")
