"""What may become of a cart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from server.kit import currencies, errors
from server.order.addresses.rules import Address
from server.order.carts.rules.cart import (
    ADDRESSES,
    KEPT,
    LINES_MAX,
    QUANTITY_MAX,
    Availability,
    Cart,
    CartChange,
    CartEmpty,
    CartLine,
    CartNotActive,
    Goods,
    ItemNotFound,
    PriceChanged,
    Status,
    TooManyLines,
)
from server.order.catalog.rules import ProductNotFound
from server.order.orders.rules import Line, NewOrder
from server.order.orders.rules.quoting import CurrencyMismatch


def put(cart: Cart, product_id: str, goods: Goods | None, quantity: int, now: datetime) -> Cart:
    """`cart` with so many of the product.

    Raises `CartNotActive`, `ProductNotFound`, `CurrencyMismatch` and `TooManyLines`.
    """
    check_active(cart)
    if goods is None or not goods.is_sold:
        raise ProductNotFound("product_id: no such product", field="product_id")
    line = CartLine(
        product_id,
        quantity,
        goods.price_of(quantity),
        goods.currency,
        goods.availability_of(quantity),
        now,
    )
    others = [each for each in cart.items if each.product_id != product_id]
    _check_currencies([*others, line])
    if len(others) == len(cart.items):
        return _changed(cart, now, items=_bounded((*cart.items, line)))
    items = tuple(line if each.product_id == product_id else each for each in cart.items)
    return _changed(cart, now, items=items)


def take_out(cart: Cart, product_id: str, now: datetime) -> Cart:
    """`cart` without the product. Raises `CartNotActive` and `ItemNotFound`."""
    check_active(cart)
    left = tuple(each for each in cart.items if each.product_id != product_id)
    if len(left) == len(cart.items):
        raise ItemNotFound("the product is not in the cart")
    return _changed(cart, now, items=left)


def note(cart: Cart, change: CartChange, now: datetime) -> Cart:
    """`cart` after `change`; the same where it changes nothing.

    Raises `CartNotActive`, `NothingToUpdate` and `Outdated`.
    """
    check_active(cart)
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    _check_etag(cart, change.etag)
    fields = {**change.fields}
    if fields.get("promotion_codes", ()) is None:
        fields["promotion_codes"] = ()
    for one, other in (ADDRESSES, ADDRESSES[::-1]):
        if fields.get(one) is not None:
            fields[other] = None
    if replace(cart, **fields) == cart:
        return cart
    return _changed(cart, now, **fields)


def merge(other: Cart, own: Cart, now: datetime) -> tuple[Cart, Cart]:
    """What becomes of a cart without an owner, and of a person's own that it is merged into.

    Raises `CartNotActive`, `TooManyLines` and `CurrencyMismatch`.
    """
    check_active(other)
    check_active(own)
    theirs = {each.product_id: each for each in other.items}
    kept = tuple(_summed(each, theirs.pop(each.product_id, None)) for each in own.items)
    items = _bounded((*kept, *theirs.values()))
    _check_currencies(items)
    has_address = own.shipping_address or own.shipping_address_id
    after = _changed(
        own,
        now,
        items=items,
        promotion_codes=own.promotion_codes or other.promotion_codes,
        shipping_method_id=own.shipping_method_id or other.shipping_method_id,
        shipping_address=own.shipping_address if has_address else other.shipping_address,
    )
    gone = _changed(other, now, items=(), status=Status.MERGED, merged_into=own.id)
    return gone, after


def order_of(cart: Cart, address: Address | None, address_id: str | None) -> NewOrder:
    """What is ordered, to the address if there is one, or else to where the cart says."""
    is_given = address is not None or address_id is not None
    return NewOrder(
        lines=tuple(Line(each.product_id, None, None, each.quantity) for each in cart.items),
        shipping_address=address if is_given else cart.shipping_address,
        user_id=None,
        order_date=None,
        currency=None,
        shipping_method_id=cart.shipping_method_id,
        promotion_codes=cart.promotion_codes,
        shipping_address_id=address_id if is_given else cart.shipping_address_id,
    )


def check_out(cart: Cart, order_id: str, now: datetime) -> Cart:
    """`cart` when it was ordered."""
    return _changed(cart, now, status=Status.CHECKED_OUT, order_id=order_id)


def check_orderable(cart: Cart, etag: str) -> None:
    """Raises `CartNotActive`, `Outdated` and `CartEmpty`."""
    check_active(cart)
    _check_etag(cart, etag)
    if not cart.items:
        raise CartEmpty("the cart is empty; put something in")


def check_total(shown: Decimal | None, total: Decimal, currency: str) -> None:
    """Raises `PriceChanged` where the buyer was shown another one."""
    if shown is not None and shown != total:
        said = f"{currencies.in_full(total, currency):f} by now; read the cart again"
        raise PriceChanged(f"total_price: {said}", field="total_price")


def check_deletion(cart: Cart, etag: str) -> None:
    """Raises `CartNotActive` and `Outdated`."""
    check_active(cart)
    _check_etag(cart, etag)


def check_active(cart: Cart) -> None:
    """Raises `CartNotActive`."""
    if cart.status is not Status.ACTIVE:
        raise CartNotActive(f"the cart is {cart.status}")


def _changed(cart: Cart, now: datetime, **fields: Any) -> Cart:
    after = replace(cart, **fields)
    return replace(after, updated_at=now, expires_at=now + KEPT, version=cart.version + 1)


def _summed(own: CartLine, other: CartLine | None) -> CartLine:
    if other is None:
        return own
    return replace(own, quantity=min(own.quantity + other.quantity, QUANTITY_MAX))


def _bounded(items: tuple[CartLine, ...]) -> tuple[CartLine, ...]:
    if len(items) > LINES_MAX:
        raise TooManyLines(f"a cart may have {LINES_MAX} lines; take one out first")
    return items


def _check_currencies(items: Sequence[CartLine]) -> None:
    found = [*dict.fromkeys(each.currency for each in items)]
    if len(found) > 1:
        said = f"product_id: {found[1]}, but the cart is in {found[0]}"
        raise CurrencyMismatch(said, field="product_id")


def _check_etag(cart: Cart, etag: str) -> None:
    """Raises `Outdated`, whatever it costs by now, and whatever there is."""
    between = errors.Outdated.BETWEEN
    versions = [each.partition("-")[0] for each in etag.split(between)]
    errors.Outdated.check(between.join(versions), str(cart.version), "cart")


def too_few(cart: Cart, goods: Mapping[str, Goods]) -> Iterator[tuple[str, str]]:
    """The lines of which there are fewer, and what is left of each."""
    for index, line in enumerate(cart.items):
        found = goods.get(line.product_id)
        if found and found.availability_of(line.quantity) is Availability.TOO_FEW:
            yield f"items[{index}].quantity", f"{found.available} left"
