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
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE outbox_destinations (
    name        text        PRIMARY KEY,
    holder      uuid,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE outbox_deliveries (
    destination  text   NOT NULL,
    position     bigint NOT NULL,
    event_id     uuid   NOT NULL,
    aggregate_id uuid   NOT NULL,
    PRIMARY KEY (destination, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

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
);

CREATE INDEX outbox_blocks_by_due_at ON outbox_blocks (destination, due_at) WHERE state = 'RETRYING';

CREATE FUNCTION outbox_add_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_deliveries (destination, position, event_id, aggregate_id)
    SELECT destinations.name, added.position, added.id, added.aggregate_id
    FROM added CROSS JOIN outbox_destinations AS destinations;
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_add_deliveries AFTER INSERT ON outbox
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION outbox_add_deliveries();
