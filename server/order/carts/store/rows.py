"""Carts between dataclasses and PostgreSQL's rows."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from server.kit.postgres import Record
from server.kit.postgres.writes import Table
from server.order.addresses.rules import Address
from server.order.carts.rules import Cart, CartLine, Goods, Status
from server.order.catalog.rules import Break

_OWN = tuple(field.name for field in fields(Cart))

# Before orders: a checkout locks its cart, and then what an order locks.
CARTS = Table("carts", _OWN, lock_rank=26)
NEW = Table("carts", (*_OWN, "secret_hash", "address_hash"))

# What is offered of a product, where a row of `products` stands for it.
GOODS = """
    name, unit_price, currency, products.status = 'ACTIVE' AS is_sold, ARRAY(
        SELECT ROW(min_quantity, unit_price) FROM price_breaks
        WHERE product_id = products.id ORDER BY min_quantity
    ) AS breaks, (
        SELECT greatest(on_hand - reserved, 0) FROM stock
        WHERE product_id = products.id AND tracked AND NOT backorders
    ) AS available
"""

_decode_items = msgspec.json.Decoder(tuple[CartLine, ...]).decode
_decode_address = msgspec.json.Decoder(Address).decode


def row(cart: Cart) -> dict[str, Any]:
    """All of a cart that is a column."""
    return {name: getattr(cart, name) for name in _OWN}


def columns_of(cart: Cart) -> tuple[Any, ...]:
    """What a change may have made of a cart's columns, in the order of its statement."""
    address = cart.shipping_address
    return (
        _encode(cart.items),
        cart.promotion_codes,
        cart.shipping_method_id,
        _encode(address) if address else None,
        cart.shipping_address_id,
        cart.updated_at,
        cart.expires_at,
    )


def to_cart(row: Record | Mapping[str, Any]) -> Cart:
    """A cart from a row with all its columns."""
    address = row["shipping_address"]
    return Cart(
        id=str(row["id"]),
        user_id=_id(row["user_id"]),
        status=Status(row["status"]),
        items=_decode_items(row["items"]),
        promotion_codes=tuple(row["promotion_codes"]),
        shipping_method_id=_id(row["shipping_method_id"]),
        shipping_address=_decode_address(address) if address else None,
        shipping_address_id=_id(row["shipping_address_id"]),
        order_id=_id(row["order_id"]),
        merged_into=_id(row["merged_into"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        version=row["version"],
    )


def to_goods(row: Record) -> Goods:
    """What is offered of a product, from a row with `GOODS`."""
    return Goods(
        name=row["name"],
        unit_price=row["unit_price"],
        currency=row["currency"],
        is_sold=row["is_sold"],
        breaks=tuple(Break(*each) for each in row["breaks"]),
        available=row["available"],
    )


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _id(value: object) -> str | None:
    return str(value) if value else None
