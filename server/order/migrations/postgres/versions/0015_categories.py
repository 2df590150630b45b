"""Keep categories in a tree, and which products are in which."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Creates both tables. That nothing is beneath itself, a service sees to, under a lock."""
    op.execute("""
        CREATE TABLE categories (
            id         uuid        PRIMARY KEY,
            name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            parent_id  uuid        REFERENCES categories ON DELETE RESTRICT,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            version    bigint      NOT NULL,
            CHECK (parent_id <> id)
        )
    """)
    op.execute("CREATE INDEX categories_by_name ON categories (name, id)")
    op.execute("CREATE INDEX categories_by_created_at ON categories (created_at, id)")
    op.execute("CREATE INDEX categories_by_parent ON categories (parent_id, name, id)")
    op.execute("""
        CREATE TABLE product_categories (
            product_id  uuid     NOT NULL REFERENCES products ON DELETE CASCADE,
            category_id uuid     NOT NULL REFERENCES categories ON DELETE RESTRICT,
            position    smallint NOT NULL,
            PRIMARY KEY (product_id, category_id)
        )
    """)
    op.execute("CREATE INDEX product_categories_by_category ON product_categories (category_id)")


def downgrade() -> None:
    """Drops them."""
    op.execute("DROP TABLE product_categories")
    op.execute("DROP TABLE categories")
