"""Say of products whether they are sold, what they are, and what else is known of them."""

from alembic import op

revision = "0014"
down_revision = "0013"

SORTS = ("name", "sku", "unit_price", "created_at")

# Of all lines of a statement at once, in a look that is newer than the statement: who archives a
# product has it refused from then on. An order of the past is of what was sold then.
REFUSE = """
CREATE FUNCTION order_items_refuse_unsold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added JOIN orders ON orders.id = added.order_id
        LEFT JOIN products ON products.id = added.product_id
        WHERE added.product_id IS NOT NULL AND orders.order_date = orders.created_at
          AND products.status IS DISTINCT FROM 'ACTIVE'
    ) THEN
        RAISE EXCEPTION 'a product of an order is not sold'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_items_products_are_active';
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Adds the columns, an index of each status for each order of the list, and the trigger."""
    op.execute("""
        ALTER TABLE products
        ADD description text NOT NULL DEFAULT '' CHECK (length(description) <= 5000),
        ADD status text NOT NULL DEFAULT 'ACTIVE'
            CHECK (status IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
        ADD attributes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object')
    """)
    for column in SORTS:
        op.execute(f"CREATE INDEX products_by_status_{column} ON products (status, {column}, id)")
    op.execute(
        "CREATE INDEX products_by_attributes ON products USING gin (attributes jsonb_path_ops)"
    )
    op.execute(REFUSE)
    op.execute("""
        CREATE TRIGGER order_items_refuse_unsold AFTER INSERT ON order_items
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT
        EXECUTE FUNCTION order_items_refuse_unsold()
    """)


def downgrade() -> None:
    """Drops them. What is no more sold, or not yet, is sold then."""
    op.execute("DROP TRIGGER order_items_refuse_unsold ON order_items")
    op.execute("DROP FUNCTION order_items_refuse_unsold()")
    op.execute("DROP INDEX products_by_attributes")
    for column in SORTS:
        op.execute(f"DROP INDEX products_by_status_{column}")
    op.execute("ALTER TABLE products DROP attributes, DROP status, DROP description")
