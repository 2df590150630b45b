"""Keep the hashes of the one-time tokens of mailed links."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Creates the table; a token goes with its account."""
    op.execute("""
        CREATE TABLE one_time_tokens (
            id         uuid        PRIMARY KEY, -- of the mail that it was sent in
            kind       text        NOT NULL,
            token_hash bytea       NOT NULL UNIQUE,
            user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            email      text        NOT NULL CHECK (length(email) <= 254),
            expires_at timestamptz NOT NULL,
            used_at    timestamptz
        )
    """)
    op.execute("CREATE INDEX one_time_tokens_by_user_id ON one_time_tokens (user_id, kind)")
    op.execute("CREATE INDEX one_time_tokens_by_expires_at ON one_time_tokens (expires_at)")


def downgrade() -> None:
    """Drops it: links that were mailed do not work any more."""
    op.execute("DROP TABLE one_time_tokens")
