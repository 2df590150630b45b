"""Find what is sold out, and what is not."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Adds a column that follows from the others, with an index of the rows where it is true.

    An index by the counts themselves would be written with every order, and the row moved; this
    one only when the last one is sold, or one comes back.
    """
    op.execute("""
        ALTER TABLE stock ADD is_sold_out boolean NOT NULL
        GENERATED ALWAYS AS (tracked AND NOT backorders AND on_hand <= reserved) STORED
    """)
    op.execute("CREATE INDEX stock_sold_out ON stock (product_id) WHERE is_sold_out")


def downgrade() -> None:
    """Drops them."""
    op.execute("DROP INDEX stock_sold_out")
    op.execute("ALTER TABLE stock DROP COLUMN is_sold_out")
