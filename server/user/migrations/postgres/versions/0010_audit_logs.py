"""Keep the audit log, append-only for the service, and a key of each account for what it hides."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates the tables, gives the accounts that there are their keys, and takes rights away."""
    op.execute("""
        CREATE TABLE audit_logs (
            id         uuid        PRIMARY KEY,
            service    text        NOT NULL,
            action     text        NOT NULL,
            actor_id   text        NOT NULL,
            actor_role text,
            subject_id uuid,
            resource   text        NOT NULL,
            request_id text        NOT NULL,
            outcome    text        NOT NULL,
            count      integer     NOT NULL CHECK (count > 0),
            first_at   timestamptz NOT NULL,
            last_at    timestamptz NOT NULL
        )
    """)
    for columns in ("", "actor_id, ", "subject_id, ", "action, ", "outcome, ", "action, outcome, "):
        name = columns.replace(", ", "_")
        op.execute(f"CREATE INDEX audit_logs_by_{name}time ON audit_logs ({columns}first_at, id)")
    op.execute("""
        CREATE TABLE audit_keys (
            holder     text        PRIMARY KEY, -- an account's id, or the strangers of a day
            user_id    uuid        UNIQUE REFERENCES users (id) ON DELETE CASCADE,
            key        bytea       NOT NULL CHECK (length(key) = 32)
                DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
            created_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("""
        CREATE TABLE audit_origins (
            id     uuid  PRIMARY KEY REFERENCES audit_logs (id) ON DELETE CASCADE,
            holder text  NOT NULL, -- of the key
            sealed bytea NOT NULL
        )
    """)
    _give_keys()
    _take_rights()


def _give_keys() -> None:
    op.execute("INSERT INTO audit_keys (holder, user_id) SELECT id::text, id FROM users")
    op.execute("""
        CREATE FUNCTION audit_add_keys() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO audit_keys (holder, user_id) SELECT id::text, id FROM added;
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER audit_add_keys AFTER INSERT ON users
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit_add_keys()
    """)


def _take_rights() -> None:
    # Whoever calls it, and whatever is asked for, what is younger than 30 days stays.
    op.execute("""
        CREATE FUNCTION audit_expire(before timestamptz, at_most integer) RETURNS integer
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            WITH expired AS (
                SELECT id FROM public.audit_logs
                WHERE first_at < least(before, now() - interval '30 days')
                ORDER BY first_at LIMIT at_most
            ), keys AS (
                DELETE FROM public.audit_keys
                WHERE user_id IS NULL
                  AND created_at < least(before, now() - interval '30 days') - interval '2 days'
            ), deleted AS (
                DELETE FROM public.audit_logs WHERE id IN (SELECT id FROM expired) RETURNING 1
            )
            SELECT count(*)::integer FROM deleted
        $$
    """)
    op.execute("REVOKE ALL ON FUNCTION audit_expire FROM PUBLIC")
    # Migrations know no role by name: what new tables grant has just been granted.
    op.execute("""
        DO $$
        DECLARE
            grantee regrole;
        BEGIN
            FOR grantee IN
                SELECT DISTINCT granted.grantee::regrole
                FROM pg_class, aclexplode(relacl) AS granted
                WHERE pg_class.oid = 'audit_logs'::regclass AND granted.grantee <> relowner
            LOOP
                EXECUTE format(
                    'REVOKE UPDATE, DELETE ON audit_logs, audit_origins, audit_keys FROM %s',
                    grantee
                );
                EXECUTE format('GRANT EXECUTE ON FUNCTION audit_expire TO %s', grantee);
            END LOOP;
        END
        $$
    """)


def downgrade() -> None:
    """Drops all of it."""
    op.execute("DROP TRIGGER audit_add_keys ON users")
    op.execute("DROP FUNCTION audit_add_keys, audit_expire")
    op.execute("DROP TABLE audit_origins, audit_keys, audit_logs")
