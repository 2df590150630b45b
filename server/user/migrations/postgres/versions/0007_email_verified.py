"""Keep whether an account's e-mail is known to be its holder's."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the column. The accounts that there are count as verified."""
    op.execute("ALTER TABLE users ADD COLUMN email_verified boolean NOT NULL DEFAULT true")


def downgrade() -> None:
    """Drops it."""
    op.execute("ALTER TABLE users DROP COLUMN email_verified")
