"""Carts between Protobuf and dataclasses."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from emporium.order.v1 import cart_service_pb2 as pb
from server.kit.errors import EmporiumError
from server.kit.wire import fields_of_mask, money, timestamp
from server.order.addresses.wire import from_address, to_address
from server.order.carts.rules import (
    CLEARABLE,
    Availability,
    Cart,
    CartChange,
    CartLine,
    Goods,
    Status,
)
from server.order.orders.rules import Quote
from server.order.orders.wire import to_quote

_STATUSES = {Status(name): number for name, number in pb.Cart.Status.items() if number}
_AVAILABILITIES = {
    Availability(name): number for name, number in pb.CartItem.Availability.items() if number
}


def to_created(cart: Cart, secret: str = "") -> pb.CreatedCart:
    """Which cart was made, or found, on the wire."""
    return pb.CreatedCart(
        id=cart.id,
        secret=secret,
        user_id=cart.user_id or "",
        expires_at=timestamp(cart.expires_at),
    )


def to_cart(
    cart: Cart,
    goods: Mapping[str, Goods],
    quote: Quote | None,
    problems: Iterable[pb.CartProblem],
) -> pb.Cart:
    """A cart as it is now, on the wire."""
    message = to_told(cart)
    del message.items[:]
    message.items.extend(to_item(line, goods.get(line.product_id)) for line in cart.items)
    message.promotion_codes.extend(cart.promotion_codes)
    message.shipping_method_id = cart.shipping_method_id or ""
    message.shipping_address_id = cart.shipping_address_id or ""
    if cart.shipping_address:
        message.shipping_address.CopyFrom(to_address(cart.shipping_address))
    if quote:
        message.quote.CopyFrom(to_quote(quote))
    message.problems.extend(problems)
    message.etag = f"{cart.version}-{_digest(message)}"
    return message


def _digest(seen: pb.Cart) -> str:
    """Of what of a cart changes without a change of the cart: which products, its version tells."""
    told = pb.Cart(items=seen.items, quote=seen.quote, problems=seen.problems)
    for item in told.items:
        item.ClearField("product_id")
        item.ClearField("updated_at")
    for line in told.quote.lines:
        line.ClearField("product_id")
    said = told.SerializeToString(deterministic=True)
    return hashlib.blake2s(said, digest_size=6).hexdigest()


def to_told(cart: Cart) -> pb.Cart:
    """What of a cart others are told: of its lines products and quantities."""
    return pb.Cart(
        id=cart.id,
        user_id=cart.user_id or "",
        status=_STATUSES[cart.status],
        items=[
            pb.CartItem(product_id=line.product_id, quantity=line.quantity) for line in cart.items
        ],
        order_id=cart.order_id or "",
        created_at=timestamp(cart.created_at),
        updated_at=timestamp(cart.updated_at),
        expires_at=timestamp(cart.expires_at),
    )


def to_item(line: CartLine, goods: Goods | None) -> pb.CartItem:
    """A line, and what it is now: None for a product that is not there any more."""
    now = goods.availability_of(line.quantity) if goods else Availability.NOT_SOLD
    item = pb.CartItem(
        product_id=line.product_id,
        quantity=line.quantity,
        currency=line.currency,
        unit_price_then=money(line.unit_price, line.currency),
        availability=_AVAILABILITIES[now],
        availability_then=_AVAILABILITIES[line.availability],
        availability_changed=now is not line.availability,
        updated_at=timestamp(line.updated_at),
    )
    if goods and now is not Availability.NOT_SOLD:
        price = goods.price_of(line.quantity)
        item.product_name = goods.name
        item.currency = goods.currency
        item.unit_price = money(price, goods.currency)
        item.line_total = money(price * line.quantity, goods.currency)
        item.price_changed = (price, goods.currency) != (line.unit_price, line.currency)
    if goods and now is Availability.TOO_FEW:
        item.available = goods.available or 0
    return item


def to_problems(error: EmporiumError) -> Sequence[pb.CartProblem]:
    """Why a cart cannot be ordered, as an order would be refused."""
    if not error.violations:
        return [pb.CartProblem(reason=error.reason, message=error.message)]
    return [
        pb.CartProblem(reason=error.reason, field=found.field, message=found.description)
        for found in error.violations
    ]


def to_shortages(found: Iterable[tuple[str, str]]) -> Sequence[pb.CartProblem]:
    """The lines of which there are too few."""
    return [
        pb.CartProblem(reason="OUT_OF_STOCK", field=field, message=left) for field, left in found
    ]


def from_update(request: pb.UpdateCartRequest) -> CartChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    address, method, saved = (
        request.HasField(name)
        for name in ("shipping_address", "shipping_method_id", "shipping_address_id")
    )
    present = {
        "promotion_codes": tuple(request.promotion_codes) or None,
        "shipping_method_id": request.shipping_method_id.lower() if method else None,
        "shipping_address": from_address(request.shipping_address) if address else None,
        "shipping_address_id": request.shipping_address_id.lower() if saved else None,
    }
    fields = fields_of_mask(request.update_mask.paths, present, CLEARABLE)
    return CartChange(fields, request.etag)
