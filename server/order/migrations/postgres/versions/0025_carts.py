"""Keep carts: of persons, of whom each has one that is active at most, and of nobody yet."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Adds the table. Lines stand in their cart's row, of a hundred at most: so whatever changes a
    cart changes one row, and what was read of it is known by its version.
    """
    op.execute("""
        CREATE TABLE carts (
            id                  uuid        PRIMARY KEY,
            user_id             uuid,
            secret_hash         bytea       CHECK (length(secret_hash) = 32),
            address_hash        bytea       CHECK (length(address_hash) = 16),
            status              text        NOT NULL CHECK (status IN (
                'ACTIVE', 'CHECKED_OUT', 'MERGED'
            )),
            items               jsonb       NOT NULL CHECK (jsonb_typeof(items) = 'array'),
            promotion_codes     text[]      NOT NULL,
            shipping_method_id  uuid,
            shipping_address    jsonb,
            shipping_address_id uuid,
            order_id            uuid,
            merged_into         uuid,
            created_at          timestamptz NOT NULL,
            updated_at          timestamptz NOT NULL,
            expires_at          timestamptz NOT NULL,
            version             bigint      NOT NULL,
            CONSTRAINT carts_are_a_persons_or_a_secrets
                CHECK ((user_id IS NULL) = (secret_hash IS NOT NULL)),
            CONSTRAINT carts_lines_are_bounded CHECK (jsonb_array_length(items) <= 100),
            CONSTRAINT carts_have_one_address
                CHECK (shipping_address IS NULL OR shipping_address_id IS NULL),
            CONSTRAINT carts_are_checked_out_as_orders
                CHECK ((status = 'CHECKED_OUT') = (order_id IS NOT NULL)),
            CONSTRAINT carts_are_merged_into_others
                CHECK ((status = 'MERGED') = (merged_into IS NOT NULL))
        ) WITH (fillfactor = 70)
    """)
    op.execute("""
        CREATE UNIQUE INDEX carts_one_is_active ON carts (user_id)
        WHERE status = 'ACTIVE' AND user_id IS NOT NULL
    """)
    op.execute("CREATE INDEX carts_by_user ON carts (user_id, id) WHERE user_id IS NOT NULL")
    op.execute("CREATE UNIQUE INDEX carts_by_order ON carts (order_id) WHERE order_id IS NOT NULL")
    op.execute("""
        CREATE INDEX carts_by_address ON carts (address_hash)
        WHERE status = 'ACTIVE' AND address_hash IS NOT NULL
    """)
    op.execute("CREATE INDEX carts_by_expiry ON carts (expires_at, id)")
    op.execute("""
        CREATE FUNCTION carts_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM added JOIN erasures ON erasures.user_id = added.user_id) THEN
                RAISE EXCEPTION 'the owner of a cart was erased'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'carts_owner_is_not_erased';
            END IF;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER carts_refuse_erased AFTER INSERT ON carts
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION carts_refuse_erased()
    """)


def downgrade() -> None:
    """Drops it, with what it held."""
    op.execute("DROP TABLE carts")
    op.execute("DROP FUNCTION carts_refuse_erased()")
