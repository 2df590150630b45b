-- Rows come and go by the thousand, so dead ones are swept by number, not by share of the table.
CREATE TABLE outbox (
    id         uuid        PRIMARY KEY,
    payload    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at     timestamptz NOT NULL DEFAULT now(),
    attempts   integer     NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX outbox_by_due_at ON outbox (due_at);

CREATE TABLE outbox_dead_letters (
    id         uuid        PRIMARY KEY,
    payload    bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    attempts   integer     NOT NULL,
    error      text        NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT now()
);
