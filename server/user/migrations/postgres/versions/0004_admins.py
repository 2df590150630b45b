"""Find the admins without reading all accounts, while another waits for the answer."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds an index of the few accounts that are admins."""
    op.execute("""
        CREATE INDEX users_acting_admins ON users (id)
        WHERE role = 'ADMIN' AND status = 'ACTIVE'
    """)


def downgrade() -> None:
    """Drops it."""
    op.execute("DROP INDEX users_acting_admins")
