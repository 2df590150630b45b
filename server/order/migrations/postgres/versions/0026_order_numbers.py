"""Give orders numbers that people can read out, also those that there are."""

from alembic import op

revision = "0026"
down_revision = "0025"

# By chance, as `server/order/orders/rules/numbers.py` draws them; also for who does not know yet
# that orders have numbers.
DRAWN = "('x' || left(md5(gen_random_uuid()::text), 10))::bit(40)::bigint"

# Of ten million, some 45 have one that another has by chance.
REDRAW = """
DO $$
BEGIN
    LOOP
        UPDATE orders SET number = DEFAULT WHERE id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY number ORDER BY id) AS nth FROM orders
            ) AS numbered WHERE nth > 1
        );
        EXIT WHEN NOT FOUND;
    END LOOP;
END
$$
"""


def upgrade() -> None:
    """Adds the column, in which each order gets a number of its own."""
    op.execute(f"""
        ALTER TABLE orders ADD number bigint NOT NULL DEFAULT {DRAWN}
        CONSTRAINT orders_number_has_eight_symbols CHECK (number BETWEEN 0 AND 1099511627775)
    """)
    op.execute(REDRAW)
    op.execute("ALTER TABLE orders ADD CONSTRAINT orders_number_is_unique UNIQUE (number)")


def downgrade() -> None:
    """Drops it; orders get other numbers when they get them again."""
    op.execute("ALTER TABLE orders DROP number")
