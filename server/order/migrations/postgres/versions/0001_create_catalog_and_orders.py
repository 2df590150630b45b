"""Create the catalogue, the orders, their outbox, and the keys of creates that happen once."""

from alembic import op

revision = "0001"
down_revision = None

# A numeric may also hold NaN, which is neither less than anything nor a price.
MONEY = "numeric(14,2) NOT NULL CHECK ({0} >= 0 AND {0} <> 'NaN')"


def upgrade() -> None:
    """Creates the tables, with an index for each way in which they are listed."""
    _create_products()
    _create_orders()
    _create_order_items()
    _create_outbox()
    _create_idempotency_keys()


def downgrade() -> None:
    """Drops them, with everything in them."""
    op.execute("DROP TABLE idempotency_keys")
    op.execute("DROP TABLE outbox_dead_letters")
    op.execute("DROP TABLE outbox")
    op.execute("DROP TABLE order_items")
    op.execute("DROP TABLE orders")
    op.execute("DROP TABLE products")


def _create_products() -> None:
    op.execute(f"""
        CREATE TABLE products (
            id         uuid        PRIMARY KEY,
            sku        text        NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
            name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            unit_price {MONEY.format("unit_price")},
            currency   text        NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            version    bigint      NOT NULL
        )
    """)
    op.execute("CREATE UNIQUE INDEX products_sku ON products (lower(sku))")
    op.execute("CREATE INDEX products_by_name ON products (name, id)")
    op.execute("CREATE INDEX products_by_sku ON products (sku, id)")
    op.execute("CREATE INDEX products_by_unit_price ON products (unit_price, id)")
    op.execute("CREATE INDEX products_by_created_at ON products (created_at, id)")


def _create_orders() -> None:
    op.execute(f"""
        CREATE TABLE orders (
            id               uuid        PRIMARY KEY,
            user_id          uuid        NOT NULL,
            status           text        NOT NULL CHECK (status IN (
                'PENDING', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED'
            )),
            currency         text        NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
            subtotal         {MONEY.format("subtotal")},
            discount         {MONEY.format("discount")},
            shipping_price   {MONEY.format("shipping_price")},
            tax              {MONEY.format("tax")},
            total_price      {MONEY.format("total_price")},
            shipping_address jsonb,
            order_date       timestamptz NOT NULL,
            created_at       timestamptz NOT NULL,
            updated_at       timestamptz NOT NULL,
            version          bigint      NOT NULL,
            CONSTRAINT orders_add_up
                CHECK (total_price = subtotal - discount + shipping_price + tax)
        )
    """)
    op.execute("CREATE INDEX orders_by_order_date ON orders (order_date, id)")
    op.execute("CREATE INDEX orders_by_user ON orders (user_id, order_date, id)")
    op.execute("CREATE INDEX orders_by_created_at ON orders (created_at, id)")
    op.execute("CREATE INDEX orders_by_total_price ON orders (total_price, id)")


def _create_order_items() -> None:
    # No foreign key to products: a line is what was agreed and outlives the product, and every
    # order would lock its products' rows, the popular ones all the time.
    op.execute(f"""
        CREATE TABLE order_items (
            order_id     uuid     NOT NULL REFERENCES orders ON DELETE CASCADE,
            position     smallint NOT NULL,
            product_id   uuid,
            product_name text     NOT NULL CHECK (length(product_name) BETWEEN 1 AND 200),
            unit_price   {MONEY.format("unit_price")},
            quantity     integer  NOT NULL CHECK (quantity BETWEEN 1 AND 100000),
            PRIMARY KEY (order_id, position)
        )
    """)


def _create_outbox() -> None:
    # Rows come and go by the thousand, so dead ones are swept by number, not by share of the table.
    op.execute("""
        CREATE TABLE outbox (
            id         uuid        PRIMARY KEY,
            payload    bytea       NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            due_at     timestamptz NOT NULL DEFAULT now(),
            attempts   integer     NOT NULL DEFAULT 0
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """)
    op.execute("CREATE INDEX outbox_by_due_at ON outbox (due_at)")
    op.execute("""
        CREATE TABLE outbox_dead_letters (
            id         uuid        PRIMARY KEY,
            payload    bytea       NOT NULL,
            created_at timestamptz NOT NULL,
            attempts   integer     NOT NULL,
            error      text        NOT NULL,
            died_at    timestamptz NOT NULL DEFAULT now()
        )
    """)


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
