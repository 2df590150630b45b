"""Keep the addresses that people have saved, of which each has exactly one default."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Adds the tables.

    A book and its addresses refer to each other: so there is no address without a default, and no
    default that is not one of the person's. Whoever changes what is in a book locks it.
    """
    op.execute("""
        CREATE TABLE address_books (
            user_id    uuid    PRIMARY KEY,
            default_id uuid    NOT NULL,
            count      integer NOT NULL CHECK (count BETWEEN 1 AND 50)
        )
    """)
    op.execute("""
        CREATE TABLE addresses (
            id         uuid        PRIMARY KEY,
            user_id    uuid        NOT NULL REFERENCES address_books,
            label      text        NOT NULL CHECK (length(label) <= 50),
            address    jsonb       NOT NULL CHECK (jsonb_typeof(address) = 'object'),
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            version    bigint      NOT NULL,
            UNIQUE (user_id, id)
        )
    """)
    op.execute("CREATE INDEX addresses_by_created_at ON addresses (user_id, created_at, id)")
    op.execute("""
        ALTER TABLE address_books ADD CONSTRAINT address_books_default_is_in_them
        FOREIGN KEY (user_id, default_id) REFERENCES addresses (user_id, id)
    """)
    op.execute("""
        CREATE FUNCTION addresses_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM added JOIN erasures ON erasures.user_id = added.user_id) THEN
                RAISE EXCEPTION 'the owner of an address was erased'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'addresses_owner_is_not_erased';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER addresses_refuse_erased AFTER INSERT ON addresses
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT
        EXECUTE FUNCTION addresses_refuse_erased()
    """)


def downgrade() -> None:
    """Drops them, with what they held."""
    op.execute("ALTER TABLE address_books DROP CONSTRAINT address_books_default_is_in_them")
    op.execute("DROP TABLE addresses")
    op.execute("DROP FUNCTION addresses_refuse_erased()")
    op.execute("DROP TABLE address_books")
