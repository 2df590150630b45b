"""Find products by words of their name and description, also by words that are misspelt.

Trigrams are kept in an array: `pg_trgm` is an extension, which not every PostgreSQL has.
"""

from alembic import op

revision = "0016"
down_revision = "0015"

# Words as in the search for accounts: what stands between all of ASCII but letters and digits, in
# lower case, normalised by NFKC.
WORDS = r"""
    CREATE FUNCTION product_words(name text, description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500 SET search_path = pg_catalog
    RETURN setweight(to_tsvector('pg_catalog.simple'::regconfig,
            regexp_replace(
                lower(normalize(name, NFKC)),
                '[\u0001-/:-@\u005b-\u0060\u007b-\u007f]+', ' ', 'g')), 'A')
        || setweight(to_tsvector('pg_catalog.simple'::regconfig,
            regexp_replace(
                lower(normalize(description, NFKC)),
                '[\u0001-/:-@\u005b-\u0060\u007b-\u007f]+', ' ', 'g')), 'B')
"""

# Of each word with two spaces before and one behind: whatever three characters stand side by side,
# and whatever four, which are two trigrams that follow one another. A word with one mistake has
# some of these in common with the right one, and other words seldom have.
TRIGRAMS = r"""
    CREATE FUNCTION product_trigrams(name text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500 SET search_path = pg_catalog
    RETURN ARRAY(
        SELECT DISTINCT substr('  ' || word || ' ', place, size)
        FROM regexp_split_to_table(
                lower(normalize(name, NFKC)),
                '[\u0001-/:-@\u005b-\u0060\u007b-\u007f]+'
             ) AS word,
             generate_series(3, 4) AS size,
             generate_series(1, length(word) + 4 - size) AS place
        WHERE word <> ''
        ORDER BY 1
    )
"""


def upgrade() -> None:
    """Adds the columns, which follow from the others by themselves, each with its index."""
    op.execute(WORDS)
    op.execute(TRIGRAMS)
    op.execute("""
        ALTER TABLE products
        ADD words tsvector GENERATED ALWAYS AS (product_words(name, description)) STORED,
        ADD trigrams text[] GENERATED ALWAYS AS (product_trigrams(name)) STORED
    """)
    op.execute("CREATE INDEX products_by_words ON products USING gin (words)")
    op.execute("CREATE INDEX products_by_trigrams ON products USING gin (trigrams)")


def downgrade() -> None:
    """Drops them."""
    op.execute("ALTER TABLE products DROP trigrams, DROP words")
    op.execute("DROP FUNCTION product_trigrams(text)")
    op.execute("DROP FUNCTION product_words(text, text)")
