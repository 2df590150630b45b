"""The cart and its parts."""

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from server.kit import errors
from server.order.addresses.rules import Address
from server.order.catalog.rules import Break
from server.order.pricing.rules.breaks import unit_price

LINES_MAX = 100
"""The lines of a cart."""

QUANTITY_MAX = 100_000
"""How many of a product may be in one, as in a line of an order."""

FROM_ONE_ADDRESS_MAX = 50
"""The carts without an owner that may be from one address at once."""

KEPT = timedelta(days=30)
"""How long a cart is kept that nobody changes."""

SECRET_BYTES = 32

ADDRESSES = ("shipping_address", "shipping_address_id")
"""Of which a cart has one at most."""

CLEARABLE = ("promotion_codes", "shipping_method_id", *ADDRESSES)
"""What an update may clear."""


class CartNotFound(errors.NotFound):
    """No such cart, or not the caller's."""

    reason = "CART_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such cart")


class CartNotActive(errors.Conflict):
    """The cart was checked out, or merged."""

    reason = "CART_NOT_ACTIVE"


class CartEmpty(errors.Conflict):
    """There is nothing in it."""

    reason = "CART_EMPTY"


class TooManyCarts(errors.Conflict):
    """As many were made from the address as there may be."""

    reason = "TOO_MANY_CARTS"


class TooManyLines(errors.Conflict):
    """The cart has as many lines as one may have."""

    reason = "TOO_MANY_CART_LINES"


class ItemNotFound(errors.NotFound):
    """The product is not in the cart."""

    reason = "CART_ITEM_NOT_FOUND"


class PriceChanged(errors.Conflict):
    """It costs something else than the buyer was shown."""

    reason = "CART_PRICE_CHANGED"


class CartChanged(errors.Conflict):
    """Somebody has changed the cart since it was read."""

    reason = "CONFLICT"


class OwnerErased(errors.AccountInactive):
    """The account that the cart is for was deleted."""


class Status(StrEnum):
    """What has become of a cart."""

    ACTIVE = "ACTIVE"
    CHECKED_OUT = "CHECKED_OUT"
    MERGED = "MERGED"


class Availability(StrEnum):
    """Whether as many can be ordered."""

    AVAILABLE = "AVAILABLE"
    TOO_FEW = "TOO_FEW"
    NOT_SOLD = "NOT_SOLD"


class Goods(NamedTuple):
    """What is offered of a product now."""

    name: str
    unit_price: Decimal
    currency: str
    is_sold: bool
    breaks: Sequence[Break] = ()
    available: int | None = None  # None: there is no end of it

    def price_of(self, quantity: int) -> Decimal:
        """What one of so many costs."""
        return unit_price(self.unit_price, self.breaks, quantity)

    def availability_of(self, quantity: int) -> Availability:
        """Whether so many can be ordered."""
        if not self.is_sold:
            return Availability.NOT_SOLD
        is_short = self.available is not None and self.available < quantity
        return Availability.TOO_FEW if is_short else Availability.AVAILABLE


@dataclass(frozen=True, slots=True)
class CartLine:
    """So many of a product, and how it was when they were put in."""

    product_id: str
    quantity: int
    unit_price: Decimal
    currency: str
    availability: Availability
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart. Ids are UUIDs as text, in lower case."""

    id: str
    user_id: str | None  # None: nobody's yet
    status: Status
    items: tuple[CartLine, ...]
    promotion_codes: tuple[str, ...]
    shipping_method_id: str | None
    shipping_address: Address | None
    shipping_address_id: str | None  # one of these two at most
    order_id: str | None  # of CHECKED_OUT
    merged_into: str | None  # of MERGED
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    version: int


class Reach(NamedTuple):
    """Whose carts a caller reaches: a person's, and the one that has the secret of this hash."""

    user_id: str | None = None
    secret_hash: bytes | None = None
    all_of_them: bool = False


class CartChange(NamedTuple):
    """Fields to set, by name; None clears. An empty etag is any."""

    fields: Mapping[str, Any]
    etag: str


def new_cart(cart_id: str, user_id: str | None, now: datetime) -> Cart:
    """A cart with nothing in it."""
    return Cart(
        id=cart_id,
        user_id=user_id,
        status=Status.ACTIVE,
        items=(),
        promotion_codes=(),
        shipping_method_id=None,
        shipping_address=None,
        shipping_address_id=None,
        order_id=None,
        merged_into=None,
        created_at=now,
        updated_at=now,
        expires_at=now + KEPT,
        version=1,
    )


def check_room(count: int) -> None:
    """Raises `TooManyCarts` where so many are from one address."""
    if count >= FROM_ONE_ADDRESS_MAX:
        raise TooManyCarts(
            f"{FROM_ONE_ADDRESS_MAX} carts were made from here; sign in, or go on with one of them"
        )


def hash_of(secret: str) -> bytes:
    """What is kept of a secret, which is as random as its hash."""
    return hashlib.sha256(secret.encode()).digest()


def hash_of_address(address: str, key: bytes) -> bytes | None:
    """What is kept of where a cart was made: of IPv6 the /64 that one household has; None: nothing
    is known. Without the key nobody finds the address by trying all of them.
    """
    if not address:
        return None
    network = ipaddress.ip_network((address, 64 if ":" in address else 32), strict=False)
    return hashlib.blake2b(str(network).encode(), digest_size=16, key=key).digest()
