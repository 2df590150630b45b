"""Let amounts have the decimals of their own currency: up to four, where all had two.

Rewrites the three tables and their indexes, each under its lock: some seconds for a million orders.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

_AMOUNTS = {
    "products": ("unit_price",),
    "orders": ("subtotal", "discount", "shipping_price", "tax", "total_price"),
    "order_items": ("unit_price",),
}


def upgrade() -> None:
    """Makes room; no amount changes."""
    _retype("numeric(18,4)")


def downgrade() -> None:
    """Takes it back. Refused where an amount would be rounded, or would not fit."""
    for table, columns in _AMOUNTS.items():
        finer = " OR ".join(f"{column} <> round({column}, 2)" for column in columns)
        op.execute(f"""
            DO $$ BEGIN
                IF EXISTS (SELECT FROM {table} WHERE {finer}) THEN
                    RAISE EXCEPTION 'amounts in {table} have more than two decimals';
                END IF;
            END $$
        """)
    _retype("numeric(14,2)")


def _retype(kind: str) -> None:
    for table, columns in _AMOUNTS.items():
        changes = ", ".join(f"ALTER COLUMN {column} TYPE {kind}" for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
