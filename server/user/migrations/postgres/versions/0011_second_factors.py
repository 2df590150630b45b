"""Keep second factors of accounts, and count what fails to prove who somebody is."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Creates the tables.

    What belongs to an account goes with it. The source of a failure is a hash, and no account's:
    those of unknown e-mails count too.
    """
    op.execute("ALTER TABLE users ADD COLUMN totp_enabled boolean NOT NULL DEFAULT false")
    op.execute("""
        CREATE TABLE totp_secrets (
            user_id    uuid        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
            sealed     bytea       NOT NULL, -- encrypted by the service
            created_at timestamptz NOT NULL,
            enabled_at timestamptz,
            last_step  bigint      NOT NULL DEFAULT 0 -- whose code was used last
        )
    """)
    op.execute("""
        CREATE TABLE recovery_codes (
            user_id   uuid  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            code_hash bytea NOT NULL,
            PRIMARY KEY (user_id, code_hash)
        )
    """)
    op.execute("""
        CREATE TABLE login_failures (
            source     bytea       PRIMARY KEY,
            failures   integer     NOT NULL CHECK (failures > 0),
            expires_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX login_failures_by_expires_at ON login_failures (expires_at)")


def downgrade() -> None:
    """Drops them: passwords alone sign in again, and what has failed so far counts no more."""
    op.execute("DROP TABLE login_failures")
    op.execute("DROP TABLE recovery_codes")
    op.execute("DROP TABLE totp_secrets")
    op.execute("ALTER TABLE users DROP COLUMN totp_enabled")
