"""Carts."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import grpc

from emporium.connection import Connection, Request, Response
from emporium.order.v1.cart_service_pb2 import (
    Cart,
    CartItem,
    CheckoutCartRequest,
    CreateCartRequest,
    CreatedCart,
    DeleteCartItemRequest,
    DeleteCartRequest,
    GetCartRequest,
    MergeCartRequest,
    UpdateCartItemRequest,
    UpdateCartRequest,
)
from emporium.order.v1.cart_service_pb2_grpc import CartServiceStub
from emporium.order.v1.order_service_pb2 import Order
from emporium.session import sendable
from emporium.type.v1.address_pb2 import Address
from emporium.values import UNSET, Money, Unset, money, set_mask


class Carts:
    """`shop.carts`: what somebody may order, until it is ordered or forgotten.

    `secret` is what `create` has told of a cart that has no owner; a cart of one's own needs none.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = CartServiceStub(connection.channel)

    async def create(
        self, *, idempotency_key: str | None = None, timeout_seconds: float | None = None
    ) -> CreatedCart:
        """Gives the caller's own cart, made if there is none; without a token one with a `secret`.

        A repeat with the same `idempotency_key` gets the same cart, without its secret: so where a
        retry was needed the secret may be empty without a token, and another cart is to be made.

        Raises `Conflict` (TOO_MANY_CARTS), `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = CreateCartRequest(request_id=idempotency_key or str(uuid4()))
        return await self._connection.call(self._stub.CreateCart, request, timeout_seconds)

    async def get(
        self, cart_id: str, *, secret: str = "", timeout_seconds: float | None = None
    ) -> Cart:
        """Reads a cart, as it would be ordered now. Raises `NotFound` (CART_NOT_FOUND)."""
        request = GetCartRequest(cart_id=cart_id)
        return await self._call(self._stub.GetCart, request, secret, timeout_seconds)

    async def update(
        self,
        cart_id: str,
        *,
        promotion_codes: Iterable[str] | Unset | None = UNSET,
        shipping_method_id: str | Unset | None = UNSET,
        shipping_address: Address | Unset | None = UNSET,
        shipping_address_id: str | Unset | None = UNSET,
        secret: str = "",
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Cart:
        """Changes what is noted for the order; None clears.

        Raises `NotFound` (CART_NOT_FOUND, ADDRESS_NOT_FOUND), `Conflict` (CART_NOT_ACTIVE),
        `Outdated` (ETAG_MISMATCH), `InvalidRequest` (NOTHING_TO_UPDATE, VALIDATION_FAILED). Not
        retried, because it is not idempotent.
        """
        given = {
            "promotion_codes": promotion_codes,
            "shipping_method_id": shipping_method_id,
            "shipping_address": shipping_address,
            "shipping_address_id": shipping_address_id,
        }
        cleared = [name for name, value in given.items() if value is None]
        known: dict[str, Any] = {
            name: value for name, value in given.items() if value is not None and value is not UNSET
        }
        request = UpdateCartRequest(cart_id=cart_id, etag=etag, **known)
        if cleared:
            set_mask(request, request.update_mask, cleared=cleared, but=("cart_id", "etag"))
        return await self._call(self._stub.UpdateCart, request, secret, timeout_seconds)

    async def set_item(
        self,
        cart_id: str,
        product_id: str,
        quantity: int,
        *,
        secret: str = "",
        timeout_seconds: float | None = None,
    ) -> CartItem:
        """Says how many of a product are in the cart.

        Raises `NotFound` (CART_NOT_FOUND, PRODUCT_NOT_FOUND), `Conflict` (CART_NOT_ACTIVE,
        TOO_MANY_CART_LINES), `InvalidRequest` (CURRENCY_MISMATCH, VALIDATION_FAILED).
        """
        request = UpdateCartItemRequest(cart_id=cart_id, product_id=product_id, quantity=quantity)
        return await self._call(self._stub.UpdateCartItem, request, secret, timeout_seconds)

    async def remove_item(
        self,
        cart_id: str,
        product_id: str,
        *,
        secret: str = "",
        timeout_seconds: float | None = None,
    ) -> None:
        """Takes a product out.

        Raises `NotFound` (CART_NOT_FOUND, CART_ITEM_NOT_FOUND), `Conflict` (CART_NOT_ACTIVE). The
        second may also mean that a first attempt had taken it out before a retry.
        """
        request = DeleteCartItemRequest(cart_id=cart_id, product_id=product_id)
        await self._call(self._stub.DeleteCartItem, request, secret, timeout_seconds)

    async def delete(
        self,
        cart_id: str,
        *,
        secret: str = "",
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> None:
        """Deletes a cart. Raises `NotFound`, `Conflict` (CART_NOT_ACTIVE), `Outdated`."""
        request = DeleteCartRequest(cart_id=cart_id, etag=etag)
        await self._call(self._stub.DeleteCart, request, secret, timeout_seconds)

    async def merge(
        self, cart_id: str, secret: str, *, timeout_seconds: float | None = None
    ) -> Cart:
        """Puts what is in a cart without an owner into the caller's own; gives that.

        Once, however often it is called. Raises `NotFound` (CART_NOT_FOUND), `Conflict`
        (CART_NOT_ACTIVE, TOO_MANY_CART_LINES), `InvalidRequest` (CURRENCY_MISMATCH).
        """
        request = MergeCartRequest(cart_id=cart_id)
        return await self._call(self._stub.MergeCart, request, secret, timeout_seconds)

    async def checkout(
        self,
        cart_id: str,
        *,
        shipping_address: Address | None = None,
        shipping_address_id: str = "",
        total_price: Money | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> Order:
        """Orders what is in the caller's own cart; once, however often it is called.

        With a `total_price` it is refused when it costs something else by now. Raises `NotFound`
        (CART_NOT_FOUND, ADDRESS_NOT_FOUND), `Conflict` (CART_EMPTY, CART_NOT_ACTIVE,
        CART_PRICE_CHANGED), `Outdated` (ETAG_MISMATCH), and what `orders.create` raises.
        """
        request = CheckoutCartRequest(
            cart_id=cart_id,
            shipping_address=shipping_address,
            shipping_address_id=shipping_address_id,
            total_price="" if total_price is None else money(total_price),
            etag=etag,
        )
        return await self._call(self._stub.CheckoutCart, request, "", timeout_seconds)

    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        secret: str,
        timeout_seconds: float | None,
    ) -> Response:
        sent = [("cart-secret", sendable(secret, "secret"))] if secret else []
        return await self._connection.call(method, request, timeout_seconds, secret=sent)
