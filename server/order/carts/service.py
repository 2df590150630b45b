"""Carts: each method converts the request, applies the rules and calls the store."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import cart_service_pb2 as pb
from emporium.order.v1 import order_service_pb2 as order_pb
from server.kit import errors
from server.kit.context import OPERATOR, Caller, Context, Key, Role
from server.order.addresses.rules import AddressNotFound
from server.order.addresses.store import AddressStore
from server.order.addresses.wire import from_address
from server.order.carts import rules, wire
from server.order.carts.store import CartStore, Secrets
from server.order.catalog.wire import amount
from server.order.orders import rules as order_rules
from server.order.orders.quoting import Quoting
from server.order.orders.store import OrderStore
from server.order.orders.wire import to_order
from server.order.pricing.rules import PromotionChanged

SECRET_HEADER = "cart-secret"  # noqa: S105 - as the contract names the header
_NOBODY = str(UUID(int=0))  # who has used no promotion yet
_CHECKOUT = "emporium.order.v1.CartService/CheckoutCart"
_ATTEMPTS_MAX = 5  # at ordering a cart that others are changing

# Why an order would be refused.
_REFUSALS = (errors.Invalid, errors.NotFound, errors.Conflict)
# Read again, it tells which of them, and what is the matter with it.
_CHANGED = (
    rules.CartChanged,
    order_rules.OffersChanged,
    order_rules.OrderNumberTaken,
    PromotionChanged,
)


class Buying(NamedTuple):
    """What carts are ordered with."""

    quoting: Quoting
    orders: OrderStore
    addresses: AddressStore
    unpaid_for: timedelta | None = None  # that an order may be; None: for ever


class CartService:
    """`emporium.order.v1.CartService`."""

    def __init__(self, store: CartStore, buying: Buying, address_key: bytes) -> None:
        """What is kept of where carts were made is hashed with `address_key`."""
        self._store = store
        self._buying = buying
        self._address_key = address_key

    async def CreateCart(self, request: pb.CreateCartRequest, context: Context) -> pb.CreatedCart:
        user_id = _person(context)
        cart = rules.new_cart(_new_id(), user_id, _now())
        secret = "" if user_id else secrets.token_urlsafe(rules.SECRET_BYTES)
        kept = None
        if secret:
            made_at = rules.hash_of_address(context.device.address, self._address_key)
            kept = Secrets(rules.hash_of(secret), made_at)

        def answer(made: rules.Cart) -> bytes:
            context.response = message = wire.to_created(made)
            return message.SerializeToString()

        given = await self._store.create(cart, kept, context.key, answer)
        created = pb.CreatedCart.FromString(given)
        if created.id == cart.id:  # and not that of a first call
            created.secret = secret
        return created

    async def GetCart(self, request: pb.GetCartRequest, context: Context) -> pb.Cart:
        reach, caller = _reach(context), context.caller
        try:
            cart = await self._store.get(request.cart_id, reach)
        except rules.CartNotFound:
            if caller is None or not caller.is_staff:
                raise
            cart = await self._store.get(request.cart_id, reach._replace(all_of_them=True))
            context.by_role, context.subject = True, cart.user_id or ""  # for the audit log
        return await self._seen(cart)

    async def UpdateCart(self, request: pb.UpdateCartRequest, context: Context) -> pb.Cart:
        change, now = wire.from_update(request), _now()
        if saved := change.fields.get("shipping_address_id"):
            await self._check_address(saved, context)
        cart, _ = await self._store.update(
            request.cart_id, _reach(context), lambda cart, _: rules.note(cart, change, now)
        )
        return await self._seen(cart)

    async def DeleteCart(self, request: pb.DeleteCartRequest, context: Context) -> Empty:
        await self._store.delete(
            request.cart_id,
            _reach(context),
            lambda cart: rules.check_deletion(cart, request.etag),
        )
        return Empty()

    async def UpdateCartItem(
        self, request: pb.UpdateCartItemRequest, context: Context
    ) -> pb.CartItem:
        if not request.HasField("quantity"):
            raise errors.NothingToUpdate("quantity: say how many there shall be", field="quantity")
        product_id, quantity, now = request.product_id.lower(), request.quantity, _now()

        def change(cart: rules.Cart, goods: rules.Goods | None) -> rules.Cart:
            return rules.put(cart, product_id, goods, quantity, now)

        cart, goods = await self._store.update(request.cart_id, _reach(context), change, product_id)
        [line] = [each for each in cart.items if each.product_id == product_id]
        return wire.to_item(line, goods)

    async def DeleteCartItem(self, request: pb.DeleteCartItemRequest, context: Context) -> Empty:
        product_id, now = request.product_id.lower(), _now()
        await self._store.update(
            request.cart_id, _reach(context), lambda cart, _: rules.take_out(cart, product_id, now)
        )
        return Empty()

    async def MergeCart(self, request: pb.MergeCartRequest, context: Context) -> pb.Cart:
        reach, now = _reach(context), _now()
        cart = await self._store.merge(
            request.cart_id,
            reach,
            rules.new_cart(_new_id(), context.signed_in.id, now),
            lambda other, own: rules.merge(other, own, now),
        )
        return await self._seen(cart)

    async def CheckoutCart(
        self, request: pb.CheckoutCartRequest, context: Context
    ) -> order_pb.Order:
        for _ in range(_ATTEMPTS_MAX - 1):
            try:
                return await self._check_out(request, context)
            except _CHANGED:
                continue  # it is looked at again, and may be ordered by now
        return await self._check_out(request, context)

    async def _check_out(self, request: pb.CheckoutCartRequest, context: Context) -> order_pb.Order:
        caller, now, order_id = context.signed_in, _now(), _new_id()
        cart = await self._store.get(request.cart_id, rules.Reach(caller.id))
        if cart.order_id:
            return to_order(await self._buying.orders.get(cart.order_id, caller.id))
        rules.check_orderable(cart, request.etag)
        address = request.shipping_address if request.HasField("shipping_address") else None
        asked = rules.order_of(
            cart,
            from_address(address) if address else None,
            request.shipping_address_id.lower() or None,
        )
        new, quoted = await self._buying.quoting.quote_addressed(asked, _as_customer(caller.id))
        shown = amount(request.total_price) if request.total_price else None
        rules.check_total(shown, quoted.price.total, quoted.currency)
        placed = order_rules.place(
            new,
            quoted,
            order_rules.Drawn(order_id, _new_id(), secrets.randbelow(order_rules.NUMBERS)),
            caller_id=caller.id,
            now=now,
            traceparent=context.traceparent,
            unpaid_for=self._buying.unpaid_for,
        )
        context.response = message = to_order(placed.order)
        turn = self._store.ordering(cart, rules.check_out(cart, order_id, now))
        answer = message.SerializeToString()
        given = await self._buying.orders.create(placed, _key_of(cart), answer, turn)
        return order_pb.Order.FromString(given)

    async def _seen(self, cart: rules.Cart) -> pb.Cart:
        """The cart as it would be ordered now."""
        goods = await self._store.goods([line.product_id for line in cart.items])
        if cart.status is not rules.Status.ACTIVE or not cart.items:
            return wire.to_cart(cart, goods, None, ())
        problems = [*wire.to_shortages(rules.too_few(cart, goods))]
        buyer = _as_customer(cart.user_id or _NOBODY)
        try:
            _, quote = await self._buying.quoting.quote_addressed(
                rules.order_of(cart, None, None), buyer
            )
        except _REFUSALS as error:
            return wire.to_cart(cart, goods, None, [*wire.to_problems(error), *problems])
        return wire.to_cart(cart, goods, quote, problems)

    async def _check_address(self, address_id: str, context: Context) -> None:
        """Raises `AddressNotFound` for one that is not the caller's."""
        field, user_id = "shipping_address_id", _person(context)
        try:
            await self._buying.addresses.get(user_id or _NOBODY, address_id)
        except AddressNotFound as error:
            raise AddressNotFound(f"{field}: {error.message}", field=field) from error


def _person(context: Context) -> str | None:
    """The caller's account; None where there is none that could own a cart."""
    caller = context.caller
    if caller is None or caller.role is Role.SERVICE or caller.id == OPERATOR:
        return None
    return caller.id


def _reach(context: Context) -> rules.Reach:
    secret = context.metadata.get(SECRET_HEADER)
    return rules.Reach(_person(context), rules.hash_of(secret) if secret else None)


def _as_customer(user_id: str) -> Caller:
    """Whoever has a cart buys what everybody may, staff too."""
    return Caller(user_id, Role.CUSTOMER, 0.0)


def _key_of(cart: rules.Cart) -> Key:
    """A cart is the key of its order: so even without its row locked there is one."""
    same = hashlib.blake2b(cart.id.encode(), digest_size=32).digest()
    return Key(cart.user_id or "", _CHECKOUT, cart.id, same)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid7())
