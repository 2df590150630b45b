"""Keep what buyers send back of their orders, and what they get for it."""

from alembic import op

revision = "0027"
down_revision = "0026"

# What of each line is on its way back, or came back, is counted where the line is, by the database
# itself: so whatever records a return, of two that ask for the last one of a line the second is
# refused.
COUNT = """
CREATE FUNCTION return_items_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE order_items SET
        in_returns = in_returns + NEW.counted - coalesce(OLD.counted, 0),
        returned = returned + NEW.accepted - coalesce(OLD.accepted, 0),
        restocked = restocked + NEW.restocked - coalesce(OLD.restocked, 0)
    WHERE order_id = NEW.order_id AND position = NEW.position;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Adds the tables and columns. Of what came back before there are no returns."""
    op.execute("""
        ALTER TABLE order_items
        ADD in_returns integer NOT NULL DEFAULT 0,
        ADD returned integer NOT NULL DEFAULT 0,
        ADD restocked integer NOT NULL DEFAULT 0,
        ADD CONSTRAINT order_items_in_returns_was_shipped CHECK (in_returns BETWEEN 0 AND shipped),
        ADD CONSTRAINT order_items_returned_is_counted CHECK (returned BETWEEN 0 AND in_returns),
        ADD CONSTRAINT order_items_restocked_was_returned CHECK (restocked BETWEEN 0 AND returned)
    """)
    _create_tables()
    op.execute(COUNT)
    op.execute("""
        CREATE TRIGGER return_items_are_counted AFTER INSERT OR UPDATE ON return_items
        FOR EACH ROW EXECUTE FUNCTION return_items_are_counted()
    """)
    op.execute("ALTER TABLE payment_operations ADD return_id uuid")


def _create_tables() -> None:
    # No order with a return is deleted: something of it was sent.
    op.execute("""
        CREATE TABLE returns (
            id           uuid          PRIMARY KEY,
            order_id     uuid          NOT NULL REFERENCES orders,
            user_id      uuid, -- the buyer; NULL once erased
            status       text          NOT NULL CHECK (status IN (
                'REQUESTED', 'APPROVED', 'RECEIVED', 'REFUNDED', 'REJECTED', 'CANCELLED'
            )),
            reason       text          NOT NULL CHECK (reason IN (
                'DEFECTIVE', 'WRONG_ITEM', 'NOT_AS_DESCRIBED', 'UNWANTED', 'OTHER'
            )),
            comment      text          NOT NULL CHECK (length(comment) <= 500),
            currency     text          NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            refundable   numeric(18,4) NOT NULL CHECK (refundable >= 0 AND refundable <> 'NaN'),
            refunded     numeric(18,4) NOT NULL,
            open_refunds integer       NOT NULL CHECK (open_refunds >= 0),
            asked        numeric(18,4) NOT NULL,
            created_at   timestamptz   NOT NULL,
            updated_at   timestamptz   NOT NULL,
            version      bigint        NOT NULL,
            UNIQUE (id, order_id),
            CONSTRAINT returns_ask_for_what_came CHECK (asked BETWEEN 0 AND refundable),
            CONSTRAINT returns_refund_what_was_asked CHECK (refunded BETWEEN 0 AND asked)
        )
    """)
    op.execute("CREATE INDEX returns_by_order ON returns (order_id, created_at, id)")
    op.execute("CREATE INDEX returns_by_user ON returns (user_id) WHERE user_id IS NOT NULL")
    op.execute("""
        CREATE TABLE return_items (
            return_id  uuid          NOT NULL,
            order_id   uuid          NOT NULL,
            position   smallint      NOT NULL,
            quantity   integer       NOT NULL CHECK (quantity > 0),
            accepted   integer       NOT NULL CHECK (accepted >= 0),
            refused    integer       NOT NULL CHECK (refused >= 0),
            restocked  integer       NOT NULL,
            refundable numeric(18,4) NOT NULL CHECK (refundable >= 0 AND refundable <> 'NaN'),
            counted    integer       NOT NULL CHECK (counted BETWEEN 0 AND quantity),
            PRIMARY KEY (return_id, position),
            FOREIGN KEY (return_id, order_id) REFERENCES returns (id, order_id),
            FOREIGN KEY (order_id, position) REFERENCES order_items,
            CONSTRAINT return_items_came_as_asked CHECK (accepted + refused <= quantity)
        )
    """)
    op.execute("""
        CREATE TABLE return_moves (
            id          uuid        PRIMARY KEY,
            return_id   uuid        NOT NULL REFERENCES returns,
            before      text,
            after       text        NOT NULL,
            actor_kind  text        NOT NULL
                CHECK (actor_kind IN ('BUYER', 'STAFF', 'SERVICE', 'JOB')),
            actor       text,
            reason      text        NOT NULL CHECK (length(reason) <= 500),
            occurred_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX return_moves_by_return ON return_moves (return_id, occurred_at, id)")
    op.execute("""
        CREATE INDEX return_moves_by_staff ON return_moves (actor) WHERE actor_kind = 'STAFF'
    """)


def downgrade() -> None:
    """Drops them, with what they held. What was given back stays so."""
    op.execute("ALTER TABLE payment_operations DROP return_id")
    op.execute("DROP TABLE return_moves")
    op.execute("DROP TABLE return_items")
    op.execute("DROP FUNCTION return_items_are_counted()")
    op.execute("DROP TABLE returns")
    op.execute("ALTER TABLE order_items DROP restocked, DROP returned, DROP in_returns")
