"""The order and its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from server.kit import errors


class OrderNotFound(errors.NotFound):
    """No such order, or not the caller's to see."""

    reason = "ORDER_NOT_FOUND"


class BuyerErased(errors.Conflict):
    """The account that the order is for was deleted."""

    reason = "USER_ERASED"


class OffersChanged(errors.Conflict):
    """A product is not what was read of it any more: it was deleted, or is not sold by now."""

    reason = "CONFLICT"


class StaffOnlyField(errors.Forbidden):
    """A field was sent that is for staff."""

    reason = "STAFF_ONLY_FIELD"


class Status(StrEnum):
    """The state of an order."""

    PENDING = "PENDING"
    PAID = "PAID"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True)
class Address:
    """The address that an order is shipped to."""

    recipient: str
    street: str
    city: str
    postal_code: str
    country_code: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line, as it was agreed."""

    product_id: str | None  # None: the line carried its own name and price
    product_name: str
    unit_price: Decimal
    quantity: int

    @property
    def line_total(self) -> Decimal:
        """What the line costs."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Order:
    """An order. Ids are UUIDs as text, in lower case; amounts are in `currency`."""

    id: str
    user_id: str | None  # None: the buyer was erased, and the order is anonymous
    status: Status
    items: Sequence[Item]
    currency: str
    subtotal: Decimal
    discount: Decimal
    shipping_price: Decimal
    tax: Decimal
    total_price: Decimal
    shipping_address: Address | None
    order_date: datetime
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change: to be anonymous has no version, because it has no event."""
        return str(self.version) if self.user_id else f"{self.version}-anonymous"


LISTED_ITEMS_MAX = 20
"""How many lines of each order a list shows. A page of whole orders could hold 100,000 of them."""


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order as a list shows it."""

    order: Order  # its `items` are the first `LISTED_ITEMS_MAX` at most
    item_count: int  # how many it has


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """Which orders to list; None is no filter."""

    user_id: str | None = None
    status: Status | None = None
    placed_after: datetime | None = None  # included
    placed_before: datetime | None = None  # excluded
