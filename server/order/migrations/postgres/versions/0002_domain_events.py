"""Make the outbox one of domain events with any number of destinations, and name methods in full.

Frozen: nothing here is imported from the code that runs, which goes on changing.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

METHODS = {
    "CreateOrder": "emporium.order.v1.OrderService/CreateOrder",
    "CreateProduct": "emporium.order.v1.CatalogService/CreateProduct",
}

CREATE = (
    """
    CREATE TABLE outbox (
        id                uuid        PRIMARY KEY,
        position          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        aggregate_type    text        NOT NULL,
        aggregate_id      uuid        NOT NULL,
        aggregate_version bigint      NOT NULL CHECK (aggregate_version > 0),
        event_type        text        NOT NULL,
        payload           bytea       NOT NULL,
        traceparent       text,
        occurred_at       timestamptz NOT NULL,
        created_at        timestamptz NOT NULL DEFAULT now(),
        UNIQUE (aggregate_type, aggregate_id, aggregate_version)
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    """
    CREATE TABLE outbox_destinations (
        name        text        PRIMARY KEY,
        holder      uuid,
        lease_until timestamptz NOT NULL DEFAULT '-infinity',
        created_at  timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE outbox_deliveries (
        destination  text   NOT NULL,
        position     bigint NOT NULL,
        event_id     uuid   NOT NULL,
        aggregate_id uuid   NOT NULL,
        PRIMARY KEY (destination, position)
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    """
    CREATE TABLE outbox_blocks (
        destination  text        NOT NULL,
        aggregate_id uuid        NOT NULL,
        event_id     uuid        NOT NULL,
        state        text        NOT NULL CHECK (state IN ('RETRYING', 'DEAD')),
        attempts     integer     NOT NULL,
        due_at       timestamptz CHECK ((due_at IS NULL) = (state = 'DEAD')),
        error        text        NOT NULL,
        since        timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (destination, aggregate_id)
    )
    """,
    """
    CREATE INDEX outbox_blocks_by_due_at ON outbox_blocks (destination, due_at)
    WHERE state = 'RETRYING'
    """,
    """
CREATE FUNCTION outbox_add_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_deliveries (destination, position, event_id, aggregate_id)
    SELECT destinations.name, added.position, added.id, added.aggregate_id
    FROM added CROSS JOIN outbox_destinations AS destinations;
    RETURN NULL;
END
$$
    """,
    """
    CREATE TRIGGER outbox_add_deliveries AFTER INSERT ON outbox
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION outbox_add_deliveries()
    """,
)

CREATE_LEGACY = (
    """
    CREATE TABLE outbox (
        id         uuid        PRIMARY KEY,
        payload    bytea       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        due_at     timestamptz NOT NULL DEFAULT now(),
        attempts   integer     NOT NULL DEFAULT 0
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    "CREATE INDEX outbox_by_due_at ON outbox (due_at)",
    """
    CREATE TABLE outbox_dead_letters (
        id         uuid        PRIMARY KEY,
        payload    bytea       NOT NULL,
        created_at timestamptz NOT NULL,
        attempts   integer     NOT NULL,
        error      text        NOT NULL,
        died_at    timestamptz NOT NULL DEFAULT now()
    )
    """,
)

# What waited, with its error where it was a dead letter, until the next step turns it into events.
SET_ASIDE = """
    CREATE TABLE legacy_outbox AS
    SELECT id, payload, created_at, attempts, NULL::text AS error, NULL::timestamptz AS died_at
    FROM outbox
    UNION ALL
    SELECT id, payload, created_at, attempts, error, died_at FROM outbox_dead_letters
"""

BRING_BACK = (
    """
    INSERT INTO outbox (id, payload, created_at, attempts)
    SELECT id, payload, created_at, attempts FROM legacy_outbox WHERE error IS NULL
    """,
    """
    INSERT INTO outbox_dead_letters (id, payload, created_at, attempts, error, died_at)
    SELECT id, payload, created_at, attempts, error, died_at FROM legacy_outbox
    WHERE error IS NOT NULL
    """,
)

RENAME_METHOD = "UPDATE idempotency_keys SET method = $2 WHERE method = $1"


def upgrade() -> None:
    """Replaces the tables, setting aside what they hold; keys of creates stay good."""
    op.execute(SET_ASIDE)
    op.execute("DROP TABLE outbox_dead_letters")
    op.execute("DROP TABLE outbox")
    for statement in CREATE:
        op.execute(statement)
    for short, full in METHODS.items():
        op.get_bind().exec_driver_sql(RENAME_METHOD, (short, full))


def downgrade() -> None:
    """Makes the old tables again, with what was set aside.

    Keys of methods that the old code did not know by a short name stay, and are never asked for.
    """
    op.execute("DROP TABLE outbox_blocks")
    op.execute("DROP TABLE outbox_deliveries")
    op.execute("DROP TABLE outbox_destinations")
    op.execute("DROP TABLE outbox")
    op.execute("DROP FUNCTION outbox_add_deliveries()")
    for statement in (*CREATE_LEGACY, *BRING_BACK):
        op.execute(statement)
    op.execute("DROP TABLE legacy_outbox")
    for short, full in METHODS.items():
        op.get_bind().exec_driver_sql(RENAME_METHOD, (full, short))
