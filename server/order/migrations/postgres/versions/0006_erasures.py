"""Let orders become anonymous, keep who was erased, and take no more orders for them."""

from alembic import op

revision = "0006"
down_revision = "0005"

NOBODY = "00000000-0000-0000-0000-000000000000"

# Of all orders of a statement at once, in a look that is newer than the statement: whoever waited
# for the tombstone sees it.
REFUSE = """
CREATE FUNCTION orders_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN erasures ON erasures.user_id = added.user_id) THEN
        RAISE EXCEPTION 'the buyer of an order was erased'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_buyer_is_not_erased';
    END IF;
    RETURN NULL;
END
$$
"""

# Answers to orders that somebody placed for another: these begin with the fields `id` and
# `user_id`, of 36 bytes each behind a tag and a length.
NAME_SUBJECTS = r"""
    UPDATE idempotency_keys
    SET subject = convert_from(substring(answer FROM 41 FOR 36), 'UTF8')::uuid
    WHERE method = 'emporium.order.v1.OrderService/CreateOrder' AND subject IS NULL
      AND substring(answer FROM 39 FOR 2) = '\x1224'
      AND substring(answer FROM 41 FOR 36) <> convert_to(caller, 'UTF8')
"""


def upgrade() -> None:
    """Adds the tombstones and their trigger; `user_id` may be empty."""
    op.execute("ALTER TABLE orders ALTER COLUMN user_id DROP NOT NULL")
    op.execute("""
        CREATE TABLE erasures (
            user_id      uuid        PRIMARY KEY,
            erased_at    timestamptz NOT NULL,
            erased       jsonb       NOT NULL,
            completed_at timestamptz
        )
    """)
    op.execute(REFUSE)
    op.execute("""
        CREATE TRIGGER orders_refuse_erased AFTER INSERT ON orders
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION orders_refuse_erased()
    """)
    op.get_bind().exec_driver_sql(NAME_SUBJECTS)


def downgrade() -> None:
    """Drops them. Anonymous orders get an id that nobody has; whose they were is gone."""
    op.execute("DROP TRIGGER orders_refuse_erased ON orders")
    op.execute("DROP FUNCTION orders_refuse_erased()")
    op.execute("DROP TABLE erasures")
    op.get_bind().exec_driver_sql("UPDATE orders SET user_id = $1 WHERE user_id IS NULL", (NOBODY,))
    op.execute("ALTER TABLE orders ALTER COLUMN user_id SET NOT NULL")
