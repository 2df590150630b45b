"""Keep since when what an account has given out is good no more, and what it may open at all."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds the versions that say so. Until an account changes, whatever there is goes on."""
    op.execute("""
        ALTER TABLE users
            ADD COLUMN links_since    bigint NOT NULL DEFAULT 0,
            ADD COLUMN sessions_since bigint NOT NULL DEFAULT 0,
            ADD COLUMN spared_session uuid
    """)
    op.execute("""
        ALTER TABLE one_time_tokens
            ADD COLUMN account_version bigint NOT NULL DEFAULT 0,
            ADD COLUMN asked_at timestamptz,          -- before the mail was sent
            ALTER COLUMN token_hash DROP NOT NULL     -- until then
    """)
    op.execute("""
        ALTER TABLE api_keys ADD COLUMN with_second_factor boolean NOT NULL DEFAULT false
    """)
    op.execute("""
        UPDATE api_keys SET with_second_factor = true FROM totp_secrets AS secret
        WHERE secret.user_id = api_keys.user_id AND secret.enabled_at <= api_keys.created_at
    """)
    op.execute("CREATE INDEX revocations_by_user_id ON revocations (user_id, position)")


def downgrade() -> None:
    """Drops them: links that have ended so work again until they expire."""
    op.execute("DROP INDEX revocations_by_user_id")
    op.execute("ALTER TABLE api_keys DROP COLUMN with_second_factor")
    op.execute("DELETE FROM one_time_tokens WHERE token_hash IS NULL")
    op.execute("""
        ALTER TABLE one_time_tokens
            DROP COLUMN account_version, DROP COLUMN asked_at,
            ALTER COLUMN token_hash SET NOT NULL
    """)
    op.execute("""
        ALTER TABLE users
            DROP COLUMN links_since, DROP COLUMN sessions_since, DROP COLUMN spared_session
    """)
