"""What `emporium export` shows of orders, products and users: a column each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emporium import Order, Product, User

Value = str | int | bool | None | Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """What stands under one name. A nested one stands in NDJSON alone: a cell cannot hold it."""

    name: str
    of: Callable[[Any], Value]
    is_personal: bool = False
    is_nested: bool = False


def _same(*names: str) -> list[Column]:
    """Columns of fields that are shown as they are."""
    return [Column(name, lambda row, name=name: getattr(row, name)) for name in names]  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def _moment(name: str) -> Column:
    return Column(name, lambda row: getattr(row, name).ToJsonString())


def _word(name: str) -> Column:
    """The word of an enum, in lower case; by the message itself, which knows its words."""

    def word(row: Any) -> str:
        words = row.DESCRIPTOR.fields_by_name[name].enum_type.values_by_number
        return str(words[getattr(row, name)].name).lower()

    return Column(name, word)


def _address(order: "Order") -> Mapping[str, str] | None:
    if not order.HasField("shipping_address"):
        return None
    address = order.shipping_address
    names = ("recipient", "street", "city", "postal_code", "country_code")
    return {name: getattr(address, name) for name in names}


def _lines(order: "Order") -> Sequence[Mapping[str, Value]]:
    names = ("position", "product_id", "product_name", "unit_price", "quantity", "line_total")
    counts = ("shipped_quantity", "returned_quantity")
    return [{name: getattr(item, name) for name in (*names, *counts)} for item in order.items]


def _attributes(product: "Product") -> Mapping[str, str]:
    return dict(sorted(product.attributes.items()))


def _age(user: "User") -> int | None:
    return user.age if user.HasField("age") else None


ORDERS: Sequence[Column] = [
    *_same("number", "id"),
    _word("status"),
    _word("payment_status"),
    _word("fulfilment_status"),
    _moment("order_date"),
    *_same("currency", "subtotal", "discount", "shipping_price", "tax", "total_price"),
    *_same("item_count"),
    Column("country_code", lambda order: order.shipping_address.country_code),
    Column("user_id", lambda order: order.user_id, is_personal=True),
    Column("shipping_address", _address, is_personal=True, is_nested=True),
    Column("recipient", lambda order: order.shipping_address.recipient, is_personal=True),
    Column("street", lambda order: order.shipping_address.street, is_personal=True),
    Column("city", lambda order: order.shipping_address.city, is_personal=True),
    Column("postal_code", lambda order: order.shipping_address.postal_code, is_personal=True),
    Column("items", _lines, is_nested=True),
]

PRODUCTS: Sequence[Column] = [
    *_same("sku", "name", "unit_price", "currency"),
    _word("status"),
    Column("weight_grams", lambda row: row.weight_grams if row.HasField("weight_grams") else None),
    *_same("description", "id"),
    Column("categories", lambda product: [*product.categories], is_nested=True),
    Column("attributes", _attributes, is_nested=True),
    _moment("created_at"),
    _moment("updated_at"),
]

USERS: Sequence[Column] = [
    *_same("id"),
    _word("role"),
    _word("status"),
    _moment("created_at"),
    Column("email", lambda user: user.email, is_personal=True),
    Column("full_name", lambda user: user.full_name, is_personal=True),
    Column("age", _age, is_personal=True),
]
