"""Count what fails to prove who somebody is."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the table. A source is a hash; no account's, since unknown e-mails count too."""
    op.execute("""
        CREATE TABLE login_failures (
            source     bytea       PRIMARY KEY,
            failures   integer     NOT NULL CHECK (failures > 0),
            expires_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX login_failures_by_expires_at ON login_failures (expires_at)")


def downgrade() -> None:
    """Drops it: what has failed so far counts no more."""
    op.execute("DROP TABLE login_failures")
