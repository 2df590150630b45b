"""Orders between dataclasses and PostgreSQL's values."""

from collections.abc import Sequence
from typing import Any

import msgspec

from server.order.orders.rules import Address, Item, Order, Status

_encode_address = msgspec.json.Encoder().encode
_decode_address = msgspec.json.Decoder(Address).decode


def of_orders(orders: Sequence[Order]) -> list[list[Any]]:
    """The columns of `orders`, each as a list over all of them."""
    return transposed([_of_order(order) for order in orders], width=14)


def _of_order(order: Order) -> tuple[Any, ...]:
    return (
        order.id,
        order.user_id,
        order.status,
        order.currency,
        order.subtotal,
        order.discount,
        order.shipping_price,
        order.tax,
        order.total_price,
        of_address(order.shipping_address),
        order.order_date,
        order.created_at,
        order.updated_at,
        order.version,
    )


def of_items(orders: Sequence[Order]) -> list[list[Any]]:
    """The columns of `order_items`, each as a list over all items of all orders."""
    items = [
        (order.id, position, item.product_id, item.product_name, item.unit_price, item.quantity)
        for order in orders
        for position, item in enumerate(order.items, 1)
    ]
    return transposed(items, width=6)


def transposed(lines: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """`width` columns out of the lines of a table, which may have none."""
    return [list(column) for column in zip(*lines, strict=True)] or [[] for _ in range(width)]


def of_address(address: Address | None) -> str | None:
    """The column `shipping_address`: JSON, which asyncpg takes as text."""
    return _encode_address(address).decode() if address else None


def to_order(row: Any) -> Order:
    """An order from a row with all its columns and its `items`."""
    address = row["shipping_address"]
    return Order(
        str(row["id"]),
        str(row["user_id"]),
        Status(row["status"]),
        tuple(
            Item(str(product_id) if product_id else None, name, price, quantity)
            for product_id, name, price, quantity in row["items"]
        ),
        row["currency"],
        row["subtotal"],
        row["discount"],
        row["shipping_price"],
        row["tax"],
        row["total_price"],
        _decode_address(address) if address else None,
        row["order_date"],
        row["created_at"],
        row["updated_at"],
        row["version"],
    )
