"""Keep how much there is of each product, what has moved it, and until when orders may be paid."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Creates the tables. Products that exist have no row, so they are not tracked; and orders that
    exist have no time, so they never expire.
    """
    # The row of what sells well is updated by every order: room beside it keeps that on its page.
    op.execute("""
        CREATE TABLE stock (
            product_id   uuid    PRIMARY KEY REFERENCES products ON DELETE CASCADE,
            on_hand      integer NOT NULL DEFAULT 0,
            reserved     integer NOT NULL DEFAULT 0,
            low_stock_at integer CHECK (low_stock_at >= 0),
            tracked      boolean NOT NULL DEFAULT false,
            backorders   boolean NOT NULL DEFAULT false,
            version      bigint  NOT NULL DEFAULT 0,
            movements    integer NOT NULL DEFAULT 0,
            events       bigint  NOT NULL DEFAULT 0,
            updated_at   timestamptz,
            CONSTRAINT stock_on_hand_is_there CHECK (on_hand >= 0),
            CONSTRAINT stock_reserved_is_counted CHECK (reserved >= 0),
            CONSTRAINT stock_reserved_is_there CHECK (reserved <= on_hand OR backorders)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
                autovacuum_vacuum_threshold = 5000)
    """)
    # No foreign keys: the ledger outlives products and orders, and their rows would be locked.
    op.execute("""
        CREATE TABLE stock_movements (
            id             uuid        NOT NULL,
            product_id     uuid        NOT NULL,
            number         integer     NOT NULL CHECK (number > 0),
            kind           text        NOT NULL CHECK (kind IN (
                'ADJUSTED', 'RESERVED', 'COMMITTED', 'RELEASED', 'RESTOCKED'
            )),
            on_hand_delta  integer     NOT NULL,
            reserved_delta integer     NOT NULL,
            on_hand        integer     NOT NULL CHECK (on_hand >= 0),
            reserved       integer     NOT NULL CHECK (reserved >= 0),
            order_id       uuid,
            actor_id       text CHECK (length(actor_id) <= 64), -- an account, or the operator
            reason         text,
            note           text        NOT NULL DEFAULT '' CHECK (length(note) <= 500),
            created_at     timestamptz NOT NULL,
            PRIMARY KEY (product_id, number),
            CONSTRAINT stock_movements_move CHECK (on_hand_delta <> 0 OR reserved_delta <> 0),
            CONSTRAINT stock_movements_of_orders CHECK ((kind = 'ADJUSTED') = (order_id IS NULL)),
            CONSTRAINT stock_movements_have_reasons
                CHECK ((kind = 'ADJUSTED') = (reason IS NOT NULL))
        )
    """)
    op.execute("""
        CREATE INDEX stock_movements_by_order ON stock_movements (order_id)
        WHERE order_id IS NOT NULL
    """)
    op.execute("ALTER TABLE orders ADD COLUMN expires_at timestamptz")
    op.execute("""
        CREATE INDEX orders_by_expires_at ON orders (expires_at, id)
        WHERE status = 'PENDING' AND expires_at IS NOT NULL
    """)


def downgrade() -> None:
    """Drops them, with everything in them."""
    op.execute("DROP INDEX orders_by_expires_at")
    op.execute("ALTER TABLE orders DROP COLUMN expires_at")
    op.execute("DROP TABLE stock_movements")
    op.execute("DROP TABLE stock")
