"""Keep whether a mailed link has set an account's password, and what its API keys may reach."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds the columns.

    Who set the passwords that there are is not kept with them. Who has a role keeps it; who has
    none sets a password by a mailed link before they are given one. Without a password nobody but
    who gets the mails will ever sign in.
    """
    op.execute("ALTER TABLE users ADD COLUMN password_proven boolean NOT NULL DEFAULT false")
    op.execute("""
        UPDATE users SET password_proven = true
        WHERE password_hash IS NULL OR (role <> 'CUSTOMER' AND owner_proven)
    """)
    op.execute("ALTER TABLE api_keys ADD COLUMN role text NOT NULL DEFAULT 'CUSTOMER'")
    op.execute("""
        UPDATE api_keys SET role = users.role FROM users WHERE users.id = api_keys.user_id
    """)


def downgrade() -> None:
    """Drops them: a verified e-mail is all that a role takes again."""
    op.execute("ALTER TABLE api_keys DROP COLUMN role")
    op.execute("ALTER TABLE users DROP COLUMN password_proven")
