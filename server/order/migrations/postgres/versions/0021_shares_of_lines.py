"""Keep of each line of an order its share of the order's discount and taxes."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Adds the columns. Whatever was sold before had no discount and no tax."""
    op.execute("""
        ALTER TABLE order_items
        ADD discount numeric(18,4) NOT NULL DEFAULT 0,
        ADD tax numeric(18,4) NOT NULL DEFAULT 0 CHECK (tax >= 0 AND tax <> 'NaN'),
        ADD included_tax numeric(18,4) NOT NULL DEFAULT 0,
        ADD CONSTRAINT order_items_discount_is_of_the_line
            CHECK (discount BETWEEN 0 AND unit_price * quantity),
        ADD CONSTRAINT order_items_tax_is_in_the_line
            CHECK (included_tax BETWEEN 0 AND unit_price * quantity)
    """)


def downgrade() -> None:
    """Drops them; what the whole order has of both stays."""
    op.execute("ALTER TABLE order_items DROP included_tax, DROP tax, DROP discount")
