"""Products: how they are added, changed and deleted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation

EMPTY: Mapping[str, Any] = {
    "description": "",
    "categories": (),
    "attributes": {},
    "weight_grams": None,
}
"""The fields that can be cleared, and what they are then."""


class ProductNotFound(errors.NotFound):
    """No such product, or not the caller's to see."""

    reason = "PRODUCT_NOT_FOUND"


class SkuTaken(errors.AlreadyExists):
    """Another product has that code, in this or another case."""

    reason = "SKU_TAKEN"


class ProductStatus(StrEnum):
    """Whether a product is sold."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Ids are UUIDs as text, in lower case."""

    id: str
    sku: str
    name: str
    description: str
    unit_price: Decimal
    currency: str
    status: ProductStatus
    categories: tuple[str, ...]
    attributes: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    version: int
    available: int | None = None  # can be ordered; None: there is no end of it
    weight_grams: int | None = None  # of one; None: nobody has said

    @property
    def etag(self) -> str:
        """Changes with every change, also of what is available, which is no change of `version`."""
        return str(self.version) if self.available is None else f"{self.version}-{self.available}"


class Break(NamedTuple):
    """What one costs where there are so many."""

    min_quantity: int
    unit_price: Decimal


class Offer(NamedTuple):
    """What placing an order needs of a product."""

    name: str
    unit_price: Decimal
    currency: str
    status: ProductStatus = ProductStatus.ACTIVE
    breaks: tuple[Break, ...] = ()  # by rising quantities
    weight_grams: int = 0  # of one
    categories: tuple[str, ...] = ()  # their ids, in order


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product as the caller asks for it."""

    sku: str
    name: str
    unit_price: Decimal
    currency: str | None  # None: the shop's
    description: str = ""
    status: ProductStatus = ProductStatus.ACTIVE
    attributes: Mapping[str, str] | None = None
    categories: tuple[str, ...] = ()
    weight_grams: int | None = None


@dataclass(frozen=True, slots=True)
class ProductFilters:
    """Which products to list; None is no filter."""

    sku: str | None = None  # in any case
    price_min: Decimal | None = None  # included
    price_max: Decimal | None = None  # included
    status: ProductStatus | None = None
    category: str | None = None  # or one beneath it
    attributes: Mapping[str, str] | None = None  # all of these
    words: str | None = None  # each begins a word of it; spaces between
    in_stock: bool | None = None  # whether one can be ordered
    only_active: bool = False  # all that the caller may see


class EventType(StrEnum):
    """What happened to a product."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"  # and did not become archived by that
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class ProductEvent:
    """One change of a product; every change has exactly one event.

    `version` numbers the changes of one product without a gap. It is the version of `product`, as
    the change left it; after a deletion, one more than that of the last.
    """

    id: str
    type: EventType
    product: Product
    version: int
    occurred_at: datetime
    traceparent: str | None  # of the call that made the change, as W3C Trace Context has it


class Added(NamedTuple):
    """A new product, and the event of it."""

    product: Product
    event: ProductEvent


class ProductChanged(NamedTuple):
    """A product after a change, and the event of it; None when nothing was changed."""

    product: Product
    event: ProductEvent | None


@dataclass(frozen=True, slots=True)
class ProductChange:
    """Fields to set, by name; None clears."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


def add_product(
    new: NewProduct,
    product_id: str,
    event_id: str,
    now: datetime,
    shop_currency: str,
    traceparent: str | None = None,
) -> Added:
    """The product to store for `new`, and its event.

    Raises `Invalid` for its currency, or its price in that.
    """
    errors.Invalid.check(currencies.unknown(new.currency))
    currency = new.currency or shop_currency
    errors.Invalid.check(currencies.too_fine(new.unit_price, currency, "unit_price"))
    product = Product(
        id=product_id,
        sku=new.sku,
        name=new.name,
        description=new.description,
        unit_price=new.unit_price,
        currency=currency,
        status=new.status,
        categories=new.categories,
        attributes=new.attributes or {},
        created_at=now,
        updated_at=now,
        version=1,
        weight_grams=new.weight_grams,
    )
    return Added(product, ProductEvent(event_id, EventType.CREATED, product, 1, now, traceparent))


def change_product(
    product: Product,
    change: ProductChange,
    event_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> ProductChanged:
    """`product` after `change`. Raises `Outdated`, `NothingToUpdate`, and `Invalid` for a currency
    and a price of which one does not fit the other.

    What the product has already is no change.
    """
    if not change.fields:
        raise errors.NothingToUpdate(
            "update_mask: send at least one field to change; what is to be cleared, also a list or"
            f" a map, is named here: {', '.join(EMPTY)}",
            field="update_mask",
        )
    _check_version(change.etag, product)
    asked = {name: EMPTY[name] if value is None else value for name, value in change.fields.items()}
    errors.Invalid.check(_mispriced(product, asked))
    fields = {name: value for name, value in asked.items() if getattr(product, name) != value}
    if not fields:
        return ProductChanged(product, None)
    after = replace(product, **fields, updated_at=now, version=product.version + 1)
    is_archived = fields.get("status") is ProductStatus.ARCHIVED
    kind = EventType.ARCHIVED if is_archived else EventType.UPDATED
    event = ProductEvent(event_id, kind, after, after.version, now, traceparent)
    return ProductChanged(after, event)


def delete_product(
    product: Product, etag: str, event_id: str, now: datetime, traceparent: str | None = None
) -> ProductEvent:
    """The event of the deletion of `product`. Raises `Outdated`."""
    _check_version(etag, product)
    version = product.version + 1
    return ProductEvent(event_id, EventType.DELETED, product, version, now, traceparent)


def check_breaks(currency: str, breaks: Sequence[Decimal]) -> None:
    """Raises `Invalid` for a new `currency` in which the prices for many cannot be."""
    errors.Invalid.check(_unfit(currency, breaks, "a price for many"))


def _check_version(etag: str, product: Product) -> None:
    """Raises `Outdated`, whatever is available by now."""
    between = errors.Outdated.BETWEEN
    versions = [each.partition("-")[0] for each in etag.split(between)]
    errors.Outdated.check(between.join(versions), str(product.version), "product")


def _mispriced(product: Product, asked: Mapping[str, Any]) -> Iterator[Violation]:
    currency = asked.get("currency", product.currency)
    if currency != product.currency and not currencies.is_known(currency):
        yield from currencies.unknown(currency)
    elif "unit_price" in asked:
        yield from currencies.too_fine(asked["unit_price"], currency, "unit_price")
    elif currency != product.currency:
        yield from _unfit(currency, [product.unit_price], "the price")


def _unfit(currency: str, prices: Sequence[Decimal], name: str) -> Iterator[Violation]:
    """The violation of a new currency that has fewer decimals than one of the kept prices."""
    for price in prices:
        if any(currencies.too_fine(price.normalize(), currency, "currency")):
            most = currencies.in_words(currencies.decimals_of(currency))
            said = f"amounts in {currency} may have {most}, and {name} is {price.normalize():f}"
            yield Violation("currency", said)
            return


def check_prices(filters: ProductFilters, least_name: str, most_name: str) -> None:
    """Raises `InvalidFilter` when the lower bound is above the upper one; takes their names."""
    least, most = filters.price_min, filters.price_max
    if least is not None and most is not None and most < least:
        raise errors.InvalidFilter(f"is below {least_name}", field=most_name)
