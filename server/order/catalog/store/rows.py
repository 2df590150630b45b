"""Products between dataclasses and PostgreSQL's rows."""

from collections.abc import Sequence
from dataclasses import fields

import msgspec

from server.kit.postgres import Record
from server.kit.postgres.writes import Table, Write
from server.order.catalog.rules import Product, ProductStatus

PRODUCTS = Table(
    "products",
    tuple(field.name for field in fields(Product) if field.name not in {"categories", "available"}),
    lock_rank=50,  # after stocks, which orders lock before they look whether a product is sold
)
STOCK = Table("stock", ("product_id",), key=("product_id",), lock_rank=40)
_CATEGORIES = Table(
    "product_categories",
    ("product_id", "category_id", "position"),
    key=("product_id", "category_id"),
)

# Where a row stands for a product, whatever the table is called in the statement.
COLUMNS = f"""{PRODUCTS.columns}, ARRAY(
    SELECT category_id::text FROM product_categories WHERE product_id = id ORDER BY position
) AS categories, (
    SELECT greatest(on_hand - reserved, 0) FROM stock
    WHERE product_id = id AND tracked AND NOT backorders
) AS available"""

GET = f"SELECT {COLUMNS} FROM products WHERE id = $1"

GET_SEEN = f"{GET} AND (status = 'ACTIVE' OR NOT $2)"

GET_MANY = f"SELECT {COLUMNS} FROM products WHERE id = ANY($1) AND (status = 'ACTIVE' OR NOT $2)"

LOCK = "SELECT id FROM products WHERE id = $1 FOR UPDATE"

# What is deleted with a product, and locked before it.
LOCK_STOCK = "SELECT product_id FROM stock WHERE product_id = $1 FOR UPDATE"

_LEAVE = "DELETE FROM product_categories WHERE product_id = $1 AND NOT category_id = ANY($2)"

_attributes = msgspec.json.Decoder(dict[str, str]).decode


def inserts(product: Product) -> list[Write]:
    """The writes that add `product`."""
    return [PRODUCTS.insert([product]), _CATEGORIES.insert(_places(product))]


def updates(before: Product, after: Product) -> list[Write]:
    """The writes that change the stored `before` to `after`."""
    writes = [PRODUCTS.update([after])]
    if after.categories != before.categories:
        writes.append(Write(_LEAVE, (after.id, after.categories)))
        writes.append(_CATEGORIES.upsert(_places(after)))
    return writes


def _places(product: Product) -> Sequence[dict[str, object]]:
    return [
        {"product_id": product.id, "category_id": each, "position": position}
        for position, each in enumerate(product.categories, 1)
    ]


def to_product(row: Record) -> Product:
    """A product from a row with `COLUMNS`."""
    return Product(
        id=str(row["id"]),
        sku=row["sku"],
        name=row["name"],
        description=row["description"],
        unit_price=row["unit_price"],
        currency=row["currency"],
        status=ProductStatus(row["status"]),
        categories=tuple(row["categories"]),
        attributes=_attributes(row["attributes"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        available=row["available"],
        weight_grams=row["weight_grams"],
    )
