"""Keep audit records until the user service has them."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the table. Its rows come and go, as those of the outbox do."""
    op.execute("""
        CREATE TABLE audit_waiting (
            id    uuid  PRIMARY KEY, -- UUIDv7: the oldest first
            event bytea NOT NULL
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """)


def downgrade() -> None:
    """Drops it, with what has not been sent."""
    op.execute("DROP TABLE audit_waiting")
