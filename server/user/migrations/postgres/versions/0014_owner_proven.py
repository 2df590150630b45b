"""Keep whether an account's own holder has shown that it is theirs, whoever opened it."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Adds the column.

    Which of the verified accounts staff opened is not kept with them. All count as their owners':
    else the first new password by mail would take the second factor from each, and their keys from
    programs. But without a password nobody has signed in yet: those wait for a link.
    """
    op.execute("ALTER TABLE users ADD COLUMN owner_proven boolean NOT NULL DEFAULT true")
    op.execute("""
        UPDATE users SET owner_proven = false WHERE NOT email_verified OR password_hash IS NULL
    """)
    op.execute("ALTER TABLE users ALTER COLUMN owner_proven SET DEFAULT false")


def downgrade() -> None:
    """Drops it: a verified e-mail is all that is asked for again."""
    op.execute("ALTER TABLE users DROP COLUMN owner_proven")
