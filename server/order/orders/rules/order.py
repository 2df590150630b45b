"""The order and its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from server.kit import currencies, errors
from server.order.addresses.rules import Address


class OrderNotFound(errors.NotFound):
    """No such order, or not the caller's to see."""

    reason = "ORDER_NOT_FOUND"


class BuyerErased(errors.Conflict):
    """The account that the order is for was deleted."""

    reason = "USER_ERASED"


class OffersChanged(errors.Conflict):
    """A product is not what was read of it any more: it was deleted, or is not sold by now."""

    reason = "CONFLICT"


class OrderAnonymous(errors.Conflict):
    """The order's buyer was erased, and nothing of a person is added to it any more."""

    reason = "ORDER_ANONYMOUS"


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


class Fulfilment(StrEnum):
    """How much of an order was sent, and has arrived."""

    UNFULFILLED = "UNFULFILLED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"


@dataclass(frozen=True, slots=True)
class Item:
    """One line, as it was agreed."""

    product_id: str | None  # None: the line carried its own name and price
    product_name: str
    unit_price: Decimal
    quantity: int
    # Its shares, which add up to what the order has: so of any lines no more can be refunded.
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    included_tax: Decimal = Decimal(0)
    shipped: int = 0  # how many of them were sent
    returned: int = 0  # how many came back and were accepted
    restocked: int = 0  # how many of these were put back into the stock

    @property
    def line_total(self) -> Decimal:
        """What the line costs, before discounts and taxes."""
        return self.unit_price * self.quantity

    @property
    def cost(self) -> Decimal:
        """What the line costs in the end."""
        return self.line_total - self.discount + self.tax


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
    number: int  # as `numbers.py` spells it
    expires_at: datetime | None = None  # when it is cancelled, unless it is paid; None: never
    # Of its payments: what is being asked for, what is held for us, what was taken, and how much of
    # that was given back.
    payments_pending: Decimal = Decimal(0)
    authorized: Decimal = Decimal(0)
    captured: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    fulfilment_status: Fulfilment = Fulfilment.UNFULFILLED
    shipping_method_id: str | None = None  # None: nothing was agreed
    promotion_codes: Sequence[str] = ()
    included_tax: Decimal = Decimal(0)  # what prices contain of it; no part of `tax`

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return etag_of(self.version, is_anonymous=self.user_id is None)

    @property
    def is_historical(self) -> bool:
        """Whether it was placed before it was recorded: it moves no stock, and never expires."""
        return self.order_date < self.created_at


def etag_of(version: int, *, is_anonymous: bool) -> str:
    """The etag of an order: to be anonymous has no version, because it has no event."""
    return f"{version}-anonymous" if is_anonymous else str(version)


LISTED_ITEMS_MAX = 20
"""How many lines of each order a list shows. A page of whole orders could hold 100,000 of them."""

PAGE_ITEMS_MAX = 500
"""How many lines of all its orders a page shows: as JSON they take the edge some 5 ms."""


def listed_items(per_page: int) -> int:
    """How many lines of each order a page of so many orders shows."""
    return min(LISTED_ITEMS_MAX, PAGE_ITEMS_MAX // per_page)


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order as a list shows it."""

    order: Order  # its `items` are the first, as many as `listed_items` says at most
    item_count: int  # how many it has


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """Which orders to list; None is no filter."""

    user_id: str | None = None
    status: Status | None = None
    placed_after: datetime | None = None  # included
    placed_before: datetime | None = None  # excluded
    created_after: datetime | None = None  # included
    created_before: datetime | None = None  # excluded
    min_total: Decimal | None = None  # included
    max_total: Decimal | None = None  # included
    currency: str | None = None
    number: int | None = None


def check_totals(filters: OrderFilters) -> None:
    """Raises `InvalidFilter` for bounds without a currency, or with more decimals than it has.

    So for a lower one that is above the upper one.

    Of amounts in several currencies none is more than another.
    """
    least, most = filters.min_total, filters.max_total
    if filters.currency is None and (least is not None or most is not None):
        raise errors.InvalidFilter("say of which currency the totals are", field="currency")
    for name, amount in (("min_total", least), ("max_total", most)):
        for found in currencies.too_fine(amount, filters.currency or "", name):
            raise errors.InvalidFilter(found.description, field=found.field)
    if least is not None and most is not None and most < least:
        raise errors.InvalidFilter("is below min_total", field="max_total")


def check_whose(user_id: str | None, owner_scope: str | None) -> None:
    """Raises `StaffOnlyField` for who asks for another's orders and may reach their own alone."""
    if user_id is not None and owner_scope is not None and user_id != owner_scope:
        raise StaffOnlyField("user_id: only staff may name another", field="user_id")
