"""Create the accounts, and the keys of creates that must happen once."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates both tables, with an index for each way in which accounts are listed."""
    _create_users()
    _create_idempotency_keys()


def downgrade() -> None:
    """Drops them, with everything in them."""
    op.execute("DROP TABLE idempotency_keys")
    op.execute("DROP TABLE users")


def _create_users() -> None:
    op.execute("""
        CREATE TABLE users (
            id            uuid        PRIMARY KEY,
            email         text        NOT NULL CHECK (length(email) <= 254),
            full_name     text        NOT NULL CHECK (length(full_name) BETWEEN 1 AND 100),
            age           smallint    CHECK (age BETWEEN 1 AND 149),
            role          text        NOT NULL CHECK (role IN ('CUSTOMER', 'STAFF', 'ADMIN')),
            status        text        NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED')),
            password_hash bytea,
            created_at    timestamptz NOT NULL,
            updated_at    timestamptz NOT NULL,
            version       bigint      NOT NULL
        )
    """)
    op.execute("CREATE UNIQUE INDEX users_email ON users (lower(email))")
    op.execute("CREATE INDEX users_by_created_at ON users (created_at, id)")
    op.execute("CREATE INDEX users_by_email ON users (email, id)")
    op.execute("CREATE INDEX users_by_full_name ON users (full_name, id)")


def _create_idempotency_keys() -> None:
    op.execute("""
        CREATE TABLE idempotency_keys (
            caller     text        NOT NULL,
            method     text        NOT NULL,
            key        text        NOT NULL,
            body_hash  bytea       NOT NULL,
            answer     bytea       NOT NULL,
            subject    uuid, -- whom the answer is about, when that is a person
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (caller, method, key)
        )
    """)
    op.execute("""
        CREATE INDEX idempotency_keys_by_subject ON idempotency_keys (subject)
        WHERE subject IS NOT NULL
    """)
    # Rows are added in order of time, so a summary of each range of pages finds the old ones, and
    # costs the creates next to nothing.
    op.execute(
        "CREATE INDEX idempotency_keys_by_created_at ON idempotency_keys USING brin (created_at)"
    )
