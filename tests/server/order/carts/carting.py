"""What is asked of carts through the gRPC door."""

from typing import Any

from emporium.order.v1 import cart_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from tests.server.order.doors import Door

Availability = pb.CartItem.Availability


async def made(door: Door, **fields: Any) -> pb.CreatedCart:
    created: pb.CreatedCart = await door("CreateCart", pb.CreateCartRequest(**fields))
    return created


def by_secret(cart: pb.CreatedCart) -> tuple[str, str]:
    """The header that whoever has the secret sends."""
    return ("cart-secret", cart.secret)


def reading(cart: Any) -> pb.GetCartRequest:
    return pb.GetCartRequest(cart_id=cart.id)


def line(cart: Any, product: Product, quantity: int = 1) -> pb.UpdateCartItemRequest:
    return pb.UpdateCartItemRequest(cart_id=cart.id, product_id=product.id, quantity=quantity)


def without(cart: Any, product: Product) -> pb.DeleteCartItemRequest:
    return pb.DeleteCartItemRequest(cart_id=cart.id, product_id=product.id)


def noting(cart: Any, **fields: Any) -> pb.UpdateCartRequest:
    return pb.UpdateCartRequest(cart_id=cart.id, **fields)


def merging(cart: Any) -> pb.MergeCartRequest:
    return pb.MergeCartRequest(cart_id=cart.id)


def checkout(cart: Any, **fields: Any) -> pb.CheckoutCartRequest:
    return pb.CheckoutCartRequest(cart_id=cart.id, **fields)


def lines(cart: pb.Cart) -> dict[str, int]:
    """How many of what is in it."""
    return {each.product_id: each.quantity for each in cart.items}
