"""Keep how much of a payment was given back otherwise than by its provider."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Adds the column, and counts what was recorded so far."""
    op.execute("ALTER TABLE payments ADD refunded_externally numeric(18,4) NOT NULL DEFAULT 0")
    op.execute("""
        UPDATE payments SET refunded_externally = elsewhere.amount
        FROM (
            SELECT operation.payment_id AS id, sum(operation.amount) AS amount
            FROM payment_operations AS operation
            JOIN payments AS payment ON payment.id = operation.payment_id
            WHERE operation.kind = 'REFUND' AND operation.status = 'DONE'
              AND operation.provider <> payment.provider
            GROUP BY operation.payment_id
        ) AS elsewhere
        WHERE payments.id = elsewhere.id
    """)
    op.execute("""
        ALTER TABLE payments ADD CONSTRAINT payments_refund_externally_what_was_refunded
            CHECK (refunded_externally BETWEEN 0 AND refunded)
    """)


def downgrade() -> None:
    """Drops it; the operations tell it still."""
    op.execute("ALTER TABLE payments DROP refunded_externally")
