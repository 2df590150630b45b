"""Post events to other systems: webhooks, what they ask for, and their deliveries."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Creates the tables.

    Deliveries have no foreign keys: each would lock the row of its webhook. Those of a webhook that
    is gone, and messages without deliveries, a job deletes.
    """
    _create_webhooks()
    _create_messages()
    _create_deliveries()


def _create_webhooks() -> None:
    op.execute("""
        CREATE TABLE webhooks (
            id              uuid        PRIMARY KEY,
            url             text        NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
            description     text        NOT NULL CHECK (length(description) <= 200),
            event_types     text[]      NOT NULL CHECK (cardinality(event_types) BETWEEN 1 AND 100),
            status          text        NOT NULL CHECK (status IN ('ACTIVE', 'PAUSED', 'DISABLED')),
            secret          bytea       NOT NULL,
            previous_secret bytea,
            previous_until  timestamptz,
            failing_since   timestamptz,
            paused_at       timestamptz,
            pause_reason    text        NOT NULL,
            events          bigint      NOT NULL,
            created_at      timestamptz NOT NULL,
            updated_at      timestamptz NOT NULL,
            version         bigint      NOT NULL,
            CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
            CHECK ((paused_at IS NULL) = (status <> 'PAUSED'))
        )
    """)
    op.execute("CREATE INDEX webhooks_by_created_at ON webhooks (created_at, id)")
    op.execute("CREATE INDEX webhooks_by_status ON webhooks (status, created_at, id)")
    # What an event is looked up in: only of webhooks that get what happens.
    op.execute("""
        CREATE TABLE webhook_routes (
            event_type text NOT NULL,
            webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
            PRIMARY KEY (event_type, webhook_id)
        )
    """)
    op.execute("CREATE INDEX webhook_routes_by_webhook ON webhook_routes (webhook_id)")


def _create_messages() -> None:
    op.execute("""
        CREATE TABLE webhook_messages (
            id                uuid        PRIMARY KEY,
            aggregate_type    text        NOT NULL,
            aggregate_id      uuid        NOT NULL,
            aggregate_version bigint      NOT NULL,
            event_type        text        NOT NULL,
            payload           bytea       NOT NULL,
            occurred_at       timestamptz NOT NULL,
            order_id          uuid,
            user_id           uuid,
            created_at        timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX webhook_messages_by_order ON webhook_messages (order_id)")
    op.execute("CREATE INDEX webhook_messages_by_user ON webhook_messages (user_id)")
    op.execute("CREATE INDEX webhook_messages_by_created_at ON webhook_messages (created_at)")


def _create_deliveries() -> None:
    op.execute("""
        CREATE TABLE webhook_deliveries (
            webhook_id      uuid        NOT NULL,
            id              uuid        NOT NULL,
            position        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
            event_type      text        NOT NULL,
            aggregate_id    uuid        NOT NULL,
            status          text        NOT NULL DEFAULT 'PENDING'
                CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED')),
            in_order        boolean     NOT NULL DEFAULT true,
            attempts        integer     NOT NULL DEFAULT 0,
            due_at          timestamptz NOT NULL DEFAULT now(),
            last_attempt_at timestamptz,
            response_status integer     NOT NULL DEFAULT 0,
            error           text        NOT NULL DEFAULT '',
            created_at      timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (webhook_id, id)
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """)
    op.execute("""
        CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, position)
        WHERE status = 'PENDING'
    """)
    op.execute("""
        CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at)
        WHERE status = 'PENDING'
    """)
    op.execute("""
        CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (webhook_id, created_at, id)
    """)
    op.execute("""
        CREATE INDEX webhook_deliveries_by_status
        ON webhook_deliveries (webhook_id, status, created_at, id)
    """)
    op.execute("CREATE INDEX webhook_deliveries_by_created_at ON webhook_deliveries (created_at)")


def downgrade() -> None:
    """Drops them, with what was still to be posted."""
    op.execute("DROP TABLE webhook_deliveries")
    op.execute("DROP TABLE webhook_messages")
    op.execute("DROP TABLE webhook_routes")
    op.execute("DROP TABLE webhooks")
