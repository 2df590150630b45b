"""Keep API keys, with the hashes of their secrets."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the table; a key goes with its account."""
    op.execute("""
        CREATE TABLE api_keys (
            id           uuid        PRIMARY KEY,
            user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            name         text        NOT NULL CHECK (length(name) <= 100),
            scopes       text[]      NOT NULL,
            secret_hash  bytea       NOT NULL CHECK (length(secret_hash) = 32),
            created_at   timestamptz NOT NULL,
            expires_at   timestamptz NOT NULL,
            last_used_at timestamptz
        )
    """)
    op.execute("CREATE INDEX api_keys_by_owner ON api_keys (user_id, created_at, id)")


def downgrade() -> None:
    """Drops it: the keys open nothing any more."""
    op.execute("DROP TABLE api_keys")
