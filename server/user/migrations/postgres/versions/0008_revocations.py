"""Keep what access tokens say and is not so any more, in the order in which it was committed."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Creates the feed, and the trigger that makes its positions rise in the order of commits."""
    op.execute("""
        CREATE TABLE revocations (
            position        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            created_at      timestamptz NOT NULL DEFAULT now(),
            user_id         uuid        NOT NULL,
            session_id      uuid,                   -- that has ended; NULL: the account has changed
            account_version bigint,                 -- since
            role            text,                   -- NULL: nobody may act for the account
            ends_sessions   boolean     NOT NULL DEFAULT false,
            spared_session  uuid,
            CHECK ((session_id IS NULL) = (account_version IS NOT NULL))
        )
    """)
    op.execute("CREATE INDEX revocations_by_created_at ON revocations (created_at)")
    # A position is drawn behind the lock, which is released when the transaction's rows are seen.
    # Everybody waits for whoever has it, so a process that hangs loses it with its transaction.
    op.execute("""
        CREATE FUNCTION take_revocations_turn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('revocations', 0));
            PERFORM set_config('idle_in_transaction_session_timeout', '1s', true);
            RETURN NULL;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER take_revocations_turn BEFORE INSERT ON revocations
        FOR EACH STATEMENT EXECUTE FUNCTION take_revocations_turn()
    """)


def downgrade() -> None:
    """Drops it: tokens are believed until they end by themselves."""
    op.execute("DROP TABLE revocations")
    op.execute("DROP FUNCTION take_revocations_turn()")
