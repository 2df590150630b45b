"""Keep which mails were sent."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Creates the table: a row is a mail, by the id of the event that it is about."""
    op.execute("""
        CREATE TABLE sent_mails (
            id uuid PRIMARY KEY,
            created_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX sent_mails_by_created_at ON sent_mails (created_at)")


def downgrade() -> None:
    """Drops it: of what waits then, some may be sent again."""
    op.execute("DROP TABLE sent_mails")
