CREATE TABLE idempotency_keys (
    caller     text        NOT NULL,
    method     text        NOT NULL,
    key        text        NOT NULL,
    body_hash  bytea       NOT NULL,
    answer     bytea       NOT NULL,
    subject    uuid, -- whom the answer is about, when that is a person
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, method, key)
);

CREATE INDEX idempotency_keys_by_subject ON idempotency_keys (subject)
WHERE subject IS NOT NULL;

-- Rows are added in order of time, so a summary of each range of pages finds the old ones, and
-- costs the creates next to nothing.
CREATE INDEX idempotency_keys_by_created_at ON idempotency_keys USING brin (created_at);
