"""Give orders back the date that they were placed with where the driver wrote another.

The driver takes the first moment of the year 1 for its sign of `-infinity`, wrote that, and read it
as a datetime without a zone: such an order was accepted and could never be read again. From now on
the column holds dates only.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Corrects the rows, then keeps others out."""
    op.execute("""
        UPDATE orders SET order_date = CASE
            WHEN order_date = 'infinity' THEN timestamptz '9999-12-31 23:59:59.999999+00'
            ELSE timestamptz '0001-01-01 00:00:00+00'
        END
        WHERE NOT isfinite(order_date)
    """)
    op.execute("""
        ALTER TABLE orders ADD CONSTRAINT orders_order_date_is_finite CHECK (isfinite(order_date))
    """)


def downgrade() -> None:
    """Lets them in again; the corrected rows stay, because any code can read them."""
    op.execute("ALTER TABLE orders DROP CONSTRAINT orders_order_date_is_finite")
