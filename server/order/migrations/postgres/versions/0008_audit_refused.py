"""Keep audit records that the user service refuses, apart from those that wait for it."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds why a record was refused; NULL: it waits."""
    op.execute("ALTER TABLE audit_waiting ADD COLUMN refused text")


def downgrade() -> None:
    """Makes all of them wait."""
    op.execute("ALTER TABLE audit_waiting DROP COLUMN refused")
