"""Create the accounts, and the keys of creates that must happen once."""

from alembic import op

from server.kit.postgres import idempotency

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates both tables, with an index for each way in which accounts are listed."""
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
    for statement in idempotency.CREATE_TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drops them, with everything in them."""
    op.execute("DROP TABLE idempotency_keys")
    op.execute("DROP TABLE users")
