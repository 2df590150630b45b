"""Keep payments, what the provider was asked for, its notices, and the ledger of what has moved.

What was paid before is recorded as what it is to us: payments of the provider `external`.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

_AMOUNT = "numeric(18,4) NOT NULL DEFAULT 0"

_TABLES = (
    """
    CREATE TABLE payments (
        id             uuid          PRIMARY KEY,
        order_id       uuid          NOT NULL REFERENCES orders ON DELETE CASCADE,
        provider       text          NOT NULL CHECK (length(provider) BETWEEN 1 AND 32),
        status         text          NOT NULL CHECK (status IN (
            'PENDING', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED', 'PARTIALLY_REFUNDED',
            'REFUNDED'
        )),
        amount         numeric(18,4) NOT NULL CHECK (amount >= 0),
        captured       numeric(18,4) NOT NULL DEFAULT 0,
        refunded       numeric(18,4) NOT NULL DEFAULT 0,
        currency       text          NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        captures       boolean       NOT NULL, -- as soon as it is authorized
        decline_reason text          NOT NULL DEFAULT '' CHECK (length(decline_reason) <= 100),
        in_progress    boolean       NOT NULL, -- an operation is open
        created_at     timestamptz   NOT NULL,
        updated_at     timestamptz   NOT NULL,
        version        bigint        NOT NULL,
        CONSTRAINT payments_capture_what_was_asked CHECK (captured BETWEEN 0 AND amount),
        CONSTRAINT payments_refund_what_was_captured CHECK (refunded BETWEEN 0 AND captured)
    )
    """,
    "CREATE INDEX payments_by_order ON payments (order_id, created_at, id)",
    # Their ids are the keys by which the provider knows them; that of a charge is its payment's.
    """
    CREATE TABLE payment_operations (
        id         uuid          PRIMARY KEY,
        payment_id uuid          NOT NULL REFERENCES payments ON DELETE CASCADE,
        order_id   uuid          NOT NULL,
        provider   text          NOT NULL,
        kind       text          NOT NULL CHECK (kind IN ('CHARGE', 'CAPTURE', 'VOID', 'REFUND')),
        amount     numeric(18,4) NOT NULL CHECK (amount >= 0),
        status     text          NOT NULL CHECK (status IN ('OPEN', 'DONE', 'REFUSED')),
        reason     text          NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
        restock    boolean,
        actor_kind text          NOT NULL
            CHECK (actor_kind IN ('BUYER', 'STAFF', 'SERVICE', 'JOB')),
        actor      text          CHECK (length(actor) BETWEEN 1 AND 64),
        created_at timestamptz   NOT NULL,
        due_at     timestamptz   NOT NULL, -- when the provider is asked what has become of it
        settled_at timestamptz,
        CONSTRAINT payment_operations_settle CHECK ((status = 'OPEN') = (settled_at IS NULL))
    )
    """,
    "CREATE INDEX payment_operations_by_payment ON payment_operations (payment_id)",
    "CREATE INDEX payment_operations_by_order ON payment_operations (order_id)",
    """
    CREATE UNIQUE INDEX payment_operations_one_at_a_time ON payment_operations (payment_id)
    WHERE status = 'OPEN'
    """,
    "CREATE INDEX payment_operations_due ON payment_operations (due_at) WHERE status = 'OPEN'",
    """
    CREATE TABLE payment_notices (
        provider    text        NOT NULL,
        id          text        NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
        received_at timestamptz NOT NULL,
        PRIMARY KEY (provider, id)
    )
    """,
    "CREATE INDEX payment_notices_by_age ON payment_notices (received_at)",
    # By its key an operation is entered once. Payments with entries are not deleted.
    """
    CREATE TABLE ledger_entries (
        operation_id uuid          NOT NULL REFERENCES payment_operations,
        account      text          NOT NULL CHECK (account IN (
            'PROVIDER_BALANCE', 'RECEIVABLE', 'REFUNDS'
        )),
        payment_id   uuid          NOT NULL REFERENCES payments,
        order_id     uuid          NOT NULL,
        provider     text          NOT NULL,
        amount       numeric(18,4) NOT NULL CHECK (amount <> 0), -- a debit, or a credit below 0
        currency     text          NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        created_at   timestamptz   NOT NULL,
        PRIMARY KEY (operation_id, account)
    )
    """,
    "CREATE INDEX ledger_entries_by_payment ON ledger_entries (payment_id)",
    "CREATE INDEX ledger_entries_by_order ON ledger_entries (order_id)",
)

# At the end of the transaction, when all its entries are there.
_BALANCED = """
    CREATE FUNCTION ledger_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE changed ledger_entries;
    BEGIN
        changed := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
        IF (SELECT sum(amount) FROM ledger_entries WHERE operation_id = changed.operation_id) <> 0
        THEN
            RAISE EXCEPTION 'the entries of operation % do not add up to zero', changed.operation_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_is_balanced';
        END IF;
        RETURN NULL;
    END $$
"""
_CHECKED = """
    CREATE CONSTRAINT TRIGGER ledger_is_balanced
    AFTER INSERT OR UPDATE OR DELETE ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_is_balanced()
"""

# Why something was given back is somebody's own words, and may be about whoever has bought.
_SILENCED = (
    """
    CREATE FUNCTION silence_payments() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE payment_operations SET reason = '' WHERE order_id = NEW.id AND reason <> '';
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER silence_payments AFTER UPDATE OF user_id ON orders FOR EACH ROW
    WHEN (OLD.user_id IS NOT NULL AND NEW.user_id IS NULL) EXECUTE FUNCTION silence_payments()
    """,
)

# A version of 1, and no event: what follows begins with a later one.
_RECORD = (
    """
    UPDATE orders SET captured = total_price,
        refunded = CASE WHEN status = 'REFUNDED' THEN total_price ELSE 0 END
    WHERE status IN ('PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED')
    """,
    """
    INSERT INTO payments (id, order_id, provider, status, amount, captured, refunded, currency,
        captures, in_progress, created_at, updated_at, version)
    SELECT gen_random_uuid(), id, 'external',
        CASE WHEN status = 'REFUNDED' THEN 'REFUNDED' ELSE 'CAPTURED' END,
        total_price, captured, refunded, currency, true, false, created_at, updated_at, 1
    FROM orders
    WHERE status IN ('PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED') AND total_price > 0
    """,
    """
    INSERT INTO payment_operations (id, payment_id, order_id, provider, kind, amount, status,
        actor_kind, actor, created_at, due_at, settled_at)
    SELECT CASE each.kind WHEN 'CHARGE' THEN id ELSE gen_random_uuid() END, id, order_id, provider,
        each.kind, amount, 'DONE', 'SERVICE', 'migration', created_at, created_at, created_at
    FROM payments, (VALUES ('CHARGE'), ('REFUND')) AS each (kind)
    WHERE each.kind = 'CHARGE' OR refunded > 0
    """,
    """
    INSERT INTO ledger_entries (operation_id, account, payment_id, order_id, provider, amount,
        currency, created_at)
    SELECT operation.id, entry.account, payment_id, payment.order_id, payment.provider,
        entry.sign * operation.amount, currency, operation.created_at
    FROM payment_operations AS operation JOIN payments AS payment ON payment.id = payment_id
    JOIN (VALUES ('CHARGE', 'PROVIDER_BALANCE', 1), ('CHARGE', 'RECEIVABLE', -1),
                 ('REFUND', 'REFUNDS', 1), ('REFUND', 'PROVIDER_BALANCE', -1))
        AS entry (kind, account, sign) ON entry.kind = operation.kind
    """,
)


def upgrade() -> None:
    """Adds what was paid to the orders, and the tables, with what is known of before."""
    op.execute(f"""
        ALTER TABLE orders
        ADD payments_pending {_AMOUNT}, ADD authorized {_AMOUNT}, ADD captured {_AMOUNT},
        ADD refunded {_AMOUNT}
    """)
    for statement in (*_TABLES, *_RECORD, _BALANCED, _CHECKED, *_SILENCED):
        op.execute(statement)
    op.execute("""
        ALTER TABLE orders
        ADD CONSTRAINT orders_are_paid_once CHECK (
            payments_pending >= 0 AND authorized >= 0 AND captured >= 0
            AND payments_pending + authorized + captured <= total_price
        ),
        ADD CONSTRAINT orders_refund_what_was_captured CHECK (refunded BETWEEN 0 AND captured)
    """)


def downgrade() -> None:
    """Drops them, with what they held."""
    op.execute("DROP TRIGGER silence_payments ON orders")
    op.execute("DROP FUNCTION silence_payments()")
    for table in ("ledger_entries", "payment_notices", "payment_operations", "payments"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION ledger_is_balanced()")
    op.execute("""
        ALTER TABLE orders
        DROP payments_pending, DROP authorized, DROP captured, DROP refunded
    """)
