"""Keep how goods are sent, what of each order was sent, and what products weigh."""

from alembic import op

revision = "0019"
down_revision = "0018"

# What was sent of each line is counted where the line is, by the database itself: so whatever
# records a shipment, of two that ask for the last one of a line the second is refused.
COUNT = """
CREATE FUNCTION shipment_items_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_items SET shipped = order_items.shipped + sent.quantity
    FROM (
        SELECT order_id, position, sum(quantity) AS quantity FROM added GROUP BY order_id, position
    ) AS sent
    WHERE order_items.order_id = sent.order_id AND order_items.position = sent.position;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Adds the tables and columns. Of what was sent before there are no shipments, but it counts as
    sent; of a refunded order, where its history knows.
    """
    op.execute("""
        ALTER TABLE products ADD weight_grams integer CHECK (weight_grams BETWEEN 0 AND 1000000)
    """)
    op.execute("""
        ALTER TABLE orders
        ADD fulfilment_status text NOT NULL DEFAULT 'UNFULFILLED' CHECK (fulfilment_status IN (
            'UNFULFILLED', 'PARTIALLY_SHIPPED', 'SHIPPED', 'DELIVERED'
        )),
        ADD shipping_method_id uuid
    """)
    op.execute("ALTER TABLE order_items ADD shipped integer NOT NULL DEFAULT 0")
    _catch_up()
    op.execute("""
        ALTER TABLE order_items ADD CONSTRAINT order_items_shipped_is_ordered
        CHECK (shipped BETWEEN 0 AND quantity)
    """)
    _create_tables()
    op.execute(COUNT)
    op.execute("""
        CREATE TRIGGER shipment_items_are_counted AFTER INSERT ON shipment_items
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT
        EXECUTE FUNCTION shipment_items_are_counted()
    """)


def _catch_up() -> None:
    op.execute("""
        UPDATE orders SET fulfilment_status = CASE status WHEN 'SHIPPED' THEN status
                                                          ELSE 'DELIVERED' END
        WHERE status IN ('SHIPPED', 'DELIVERED') OR status = 'REFUNDED' AND EXISTS (
            SELECT FROM order_moves WHERE order_id = orders.id AND after = 'DELIVERED'
        )
    """)
    op.execute("""
        UPDATE order_items SET shipped = quantity FROM orders
        WHERE orders.id = order_items.order_id AND fulfilment_status <> 'UNFULFILLED'
    """)


def _create_tables() -> None:
    op.execute("""
        CREATE TABLE shipping_methods (
            id         uuid        PRIMARY KEY,
            name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            currency   text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            zones      jsonb       NOT NULL CHECK (jsonb_typeof(zones) = 'array'),
            active     boolean     NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            version    bigint      NOT NULL
        )
    """)
    op.execute("CREATE INDEX shipping_methods_by_name ON shipping_methods (name, id)")
    op.execute("CREATE INDEX shipping_methods_by_created_at ON shipping_methods (created_at, id)")
    for column in ("name", "created_at"):
        op.execute(f"""
            CREATE INDEX shipping_methods_by_active_{column}
            ON shipping_methods (active, {column}, id)
        """)
    # No foreign key to the method: what was sent outlives it. No order with a shipment is deleted.
    op.execute("""
        CREATE TABLE shipments (
            id                 uuid        PRIMARY KEY,
            order_id           uuid        NOT NULL REFERENCES orders,
            user_id            uuid, -- the buyer; NULL once erased
            shipping_method_id uuid,
            status             text        NOT NULL CHECK (status IN (
                'SENT', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERY_FAILED', 'DELIVERED'
            )),
            tracking_number    text        NOT NULL CHECK (length(tracking_number) <= 64),
            delivered_at       timestamptz,
            created_at         timestamptz NOT NULL,
            updated_at         timestamptz NOT NULL,
            version            bigint      NOT NULL,
            UNIQUE (id, order_id),
            CONSTRAINT shipments_are_delivered_at_a_time
                CHECK ((status = 'DELIVERED') = (delivered_at IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX shipments_by_order ON shipments (order_id, created_at, id)")
    op.execute("CREATE INDEX shipments_by_user ON shipments (user_id) WHERE user_id IS NOT NULL")
    op.execute("""
        CREATE TABLE shipment_items (
            shipment_id uuid     NOT NULL,
            order_id    uuid     NOT NULL,
            position    smallint NOT NULL,
            quantity    integer  NOT NULL CHECK (quantity > 0),
            PRIMARY KEY (shipment_id, position),
            FOREIGN KEY (shipment_id, order_id) REFERENCES shipments (id, order_id),
            FOREIGN KEY (order_id, position) REFERENCES order_items
        )
    """)
    op.execute("""
        CREATE TABLE tracking_events (
            id          uuid        PRIMARY KEY,
            shipment_id uuid        NOT NULL REFERENCES shipments,
            status      text        NOT NULL CHECK (status IN (
                'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERY_FAILED', 'DELIVERED'
            )),
            location    text        NOT NULL CHECK (length(location) <= 200),
            note        text        NOT NULL CHECK (length(note) <= 500),
            occurred_at timestamptz NOT NULL,
            created_at  timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE INDEX tracking_events_by_shipment ON tracking_events (shipment_id, occurred_at, id)
    """)


def downgrade() -> None:
    """Drops them, with what they held. An order of which some was sent is PAID, as it was."""
    op.execute("DROP TABLE tracking_events")
    op.execute("DROP TABLE shipment_items")
    op.execute("DROP FUNCTION shipment_items_are_counted()")
    op.execute("DROP TABLE shipments")
    op.execute("DROP TABLE shipping_methods")
    op.execute("ALTER TABLE order_items DROP shipped")
    op.execute("ALTER TABLE orders DROP fulfilment_status, DROP shipping_method_id")
    op.execute("ALTER TABLE products DROP weight_grams")
