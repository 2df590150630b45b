"""Let orders cost less by a code, and be taxed by the country that they are sent to."""

from alembic import op

revision = "0020"
down_revision = "0019"

# Counts each use with it, whoever writes it, and refuses what is one too many: the row of the
# promotion is locked by the count, so the uses of a person that are read after it are all there.
COUNT = """
CREATE FUNCTION promotion_uses_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE promotions SET uses = promotions.uses + made.count
    FROM (SELECT promotion_id, count(*)::integer AS count FROM added GROUP BY 1) AS made
    WHERE promotions.id = made.promotion_id;
    IF EXISTS (
        SELECT FROM promotion_uses JOIN promotions ON promotions.id = promotion_id
        WHERE uses_max_per_person IS NOT NULL
          AND (promotion_id, user_id) IN (SELECT promotion_id, user_id FROM added)
        GROUP BY promotion_id, user_id, uses_max_per_person
        HAVING count(*) > uses_max_per_person
    ) THEN
        RAISE EXCEPTION 'a person has used a promotion as often as one may'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'promotions_uses_of_a_person';
    END IF;
    RETURN NULL;
END
$$
"""

DISCOUNT = """
CREATE FUNCTION promotion_uses_discount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE promotions SET uses = promotions.uses - gone.count
    FROM (SELECT promotion_id, count(*)::integer AS count FROM ended GROUP BY 1) AS gone
    WHERE promotions.id = gone.promotion_id;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Creates the tables. A numeric may also hold NaN, which is no number."""
    _create_promotions()
    _create_uses()
    op.execute("""
        CREATE TABLE tax_rates (
            id           uuid         PRIMARY KEY,
            country_code text         NOT NULL CHECK (country_code ~ '^[A-Z]{2}$'),
            category_id  uuid         REFERENCES categories ON DELETE CASCADE,
            name         text         NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            rate         numeric(7,4) NOT NULL CHECK (rate BETWEEN 0 AND 100),
            included     boolean      NOT NULL,
            created_at   timestamptz  NOT NULL,
            updated_at   timestamptz  NOT NULL,
            version      bigint       NOT NULL,
            CONSTRAINT tax_rates_are_one UNIQUE NULLS NOT DISTINCT (country_code, category_id)
        )
    """)
    op.execute("CREATE INDEX tax_rates_by_country_code ON tax_rates (country_code, id)")
    op.execute("CREATE INDEX tax_rates_by_created_at ON tax_rates (created_at, id)")
    op.execute("CREATE INDEX tax_rates_by_category ON tax_rates (category_id)")
    op.execute("""
        ALTER TABLE orders
        ADD promotion_codes text[] NOT NULL DEFAULT '{}'
            CHECK (cardinality(promotion_codes) <= 10),
        ADD included_tax numeric(18,4) NOT NULL DEFAULT 0
            CHECK (included_tax >= 0 AND included_tax <> 'NaN')
    """)


def _create_promotions() -> None:
    op.execute("""
        CREATE TABLE promotions (
            id                  uuid          PRIMARY KEY,
            code                text          NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
            name                text          NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
            percentage          numeric(5,2)  CHECK (percentage > 0 AND percentage <= 100),
            amount              numeric(18,4) CHECK (amount > 0 AND amount <> 'NaN'),
            currency            text          CHECK (currency ~ '^[A-Z]{3}$'),
            valid_from          timestamptz,
            valid_until         timestamptz,
            min_subtotal        numeric(18,4) CHECK (min_subtotal >= 0 AND min_subtotal <> 'NaN'),
            uses_max            integer       CHECK (uses_max > 0),
            uses_max_per_person integer       CHECK (uses_max_per_person > 0),
            stacking            text          NOT NULL
                CHECK (stacking IN ('COMBINABLE', 'EXCLUSIVE')),
            active              boolean       NOT NULL,
            uses                integer       NOT NULL DEFAULT 0,
            created_at          timestamptz   NOT NULL,
            updated_at          timestamptz   NOT NULL,
            version             bigint        NOT NULL,
            CHECK ((percentage IS NULL) <> (amount IS NULL)),
            CHECK (currency IS NOT NULL OR (amount IS NULL AND min_subtotal IS NULL)),
            CHECK (valid_from < valid_until),
            CONSTRAINT promotions_uses_are_counted CHECK (uses >= 0),
            CONSTRAINT promotions_uses_are_left CHECK (uses <= uses_max)
        ) WITH (fillfactor = 50)
    """)
    op.execute("CREATE UNIQUE INDEX promotions_code ON promotions (lower(code))")
    for column in ("code", "created_at"):
        op.execute(f"CREATE INDEX promotions_by_{column} ON promotions ({column}, id)")
        op.execute(
            f"CREATE INDEX promotions_by_active_{column} ON promotions (active, {column}, id)"
        )


def _create_uses() -> None:
    op.execute("""
        CREATE TABLE promotion_uses (
            promotion_id uuid NOT NULL REFERENCES promotions ON DELETE RESTRICT,
            order_id     uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
            user_id      uuid,
            PRIMARY KEY (order_id, promotion_id)
        )
    """)
    op.execute("""
        CREATE INDEX promotion_uses_by_promotion ON promotion_uses (promotion_id, user_id)
    """)
    op.execute("CREATE INDEX promotion_uses_by_user ON promotion_uses (user_id)")
    op.execute(COUNT)
    op.execute(DISCOUNT)
    op.execute("""
        CREATE TRIGGER promotion_uses_count AFTER INSERT ON promotion_uses
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT
        EXECUTE FUNCTION promotion_uses_count()
    """)
    op.execute("""
        CREATE TRIGGER promotion_uses_discount AFTER DELETE ON promotion_uses
        REFERENCING OLD TABLE AS ended FOR EACH STATEMENT
        EXECUTE FUNCTION promotion_uses_discount()
    """)


def downgrade() -> None:
    """Drops them; orders keep what they cost, and no more tell by which codes."""
    op.execute("ALTER TABLE orders DROP included_tax, DROP promotion_codes")
    op.execute("DROP TABLE tax_rates")
    op.execute("DROP TABLE promotion_uses")
    op.execute("DROP FUNCTION promotion_uses_discount()")
    op.execute("DROP FUNCTION promotion_uses_count()")
    op.execute("DROP TABLE promotions")
