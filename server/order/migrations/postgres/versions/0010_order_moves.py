"""Keep the history of each order: every change of its status, by whom, when and why."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATUSES = "('PENDING', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUNDED')"

# Of an order from before, that it was placed; and when it got the status that it has, because
# nothing else of an order changes after the first move. What came between is not known, nor who it
# was; and of an anonymous order not when, which its erasure has written over.
KNOWN = """
    INSERT INTO order_moves (id, order_id, before, after, occurred_at)
    SELECT gen_random_uuid(), id, NULL, 'PENDING', created_at FROM orders
    UNION ALL
    SELECT gen_random_uuid(), id,
           CASE status WHEN 'PAID' THEN 'PENDING' WHEN 'CANCELLED' THEN 'PENDING'
                       WHEN 'SHIPPED' THEN 'PAID' WHEN 'DELIVERED' THEN 'SHIPPED' END,
           status, greatest(updated_at, created_at)
    FROM orders WHERE status <> 'PENDING' AND user_id IS NOT NULL
"""


def upgrade() -> None:
    """Adds the table, with what is known of the orders that there are."""
    op.execute(f"""
        CREATE TABLE order_moves (
            id          uuid        NOT NULL, -- of the event that told of it
            order_id    uuid        NOT NULL REFERENCES orders ON DELETE CASCADE,
            before      text        CHECK (before IN {STATUSES}),
            after       text        NOT NULL CHECK (after IN {STATUSES}),
            actor_kind  text        CHECK (actor_kind IN ('BUYER', 'STAFF', 'SERVICE', 'JOB')),
            actor       text        CHECK (length(actor) BETWEEN 1 AND 64),
            reason      text        NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
            occurred_at timestamptz NOT NULL,
            PRIMARY KEY (order_id, occurred_at, id),
            -- The order knows its buyer, and forgets when the person is erased.
            CONSTRAINT order_moves_name_no_buyer
                CHECK (actor IS NULL OR actor_kind IN ('STAFF', 'SERVICE', 'JOB'))
        )
    """)
    op.execute(KNOWN)
    op.execute("""
        CREATE INDEX order_moves_by_staff ON order_moves (actor) WHERE actor_kind = 'STAFF'
    """)


def downgrade() -> None:
    """Drops it, with what it held."""
    op.execute("DROP TABLE order_moves")
