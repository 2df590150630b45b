"""Keep notes on orders: those of buyers, and those of staff."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds the table."""
    op.execute("""
        CREATE TABLE order_notes (
            id          uuid        PRIMARY KEY,
            order_id    uuid        NOT NULL REFERENCES orders ON DELETE CASCADE,
            author_kind text        NOT NULL CHECK (author_kind IN ('BUYER', 'STAFF')),
            author      text        CHECK (length(author) BETWEEN 1 AND 64),
            text        text        NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
            is_internal boolean     NOT NULL,
            created_at  timestamptz NOT NULL,
            CONSTRAINT order_notes_of_buyers_name_nobody_and_are_seen
                CHECK (author_kind = 'STAFF' OR (author IS NULL AND NOT is_internal))
        )
    """)
    op.execute("CREATE INDEX order_notes_by_order ON order_notes (order_id, created_at, id)")
    op.execute("CREATE INDEX order_notes_by_staff ON order_notes (author) WHERE author IS NOT NULL")


def downgrade() -> None:
    """Drops it, with what it held."""
    op.execute("DROP TABLE order_notes")
