"""Keep who was erased, and a receipt of each store that had something of them."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Creates both tables. An erasure holds an id that leads nowhere, and stays."""
    op.execute("""
        CREATE TABLE erasures (
            user_id   uuid        PRIMARY KEY,
            erased_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE erasure_receipts (
            user_id      uuid        NOT NULL,
            store        text        NOT NULL,
            erased       jsonb       NOT NULL,
            completed_at timestamptz,
            PRIMARY KEY (user_id, store)
        )
    """)


def downgrade() -> None:
    """Drops them: nobody can prove any more what was erased."""
    op.execute("DROP TABLE erasure_receipts")
    op.execute("DROP TABLE erasures")
