"""Let many of a product cost less each."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the table. A numeric may also hold NaN, which is no price."""
    op.execute("""
        CREATE TABLE price_breaks (
            product_id   uuid          NOT NULL REFERENCES products ON DELETE CASCADE,
            min_quantity integer       NOT NULL CHECK (min_quantity BETWEEN 2 AND 1000000),
            unit_price   numeric(18,4) NOT NULL CHECK (unit_price >= 0 AND unit_price <> 'NaN'),
            PRIMARY KEY (product_id, min_quantity)
        )
    """)


def downgrade() -> None:
    """Drops it, with everything in it; orders keep the prices that they were placed at."""
    op.execute("DROP TABLE price_breaks")
