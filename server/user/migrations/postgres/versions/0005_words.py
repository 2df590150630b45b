"""Find accounts by the beginnings of words of their e-mail and name.

Full text by an index of PostgreSQL's own: trigrams would find the middle of a word too, but
`pg_trgm` is an extension, which not every PostgreSQL has.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

# Words are what stands between all of ASCII but letters and digits, normalised by NFKC, which
# makes a space of the other spaces; in lower case. What it costs is said to the planner, which
# would else rather make the words of every row than ask the index.
WORDS = r"""
    CREATE FUNCTION user_words(email text, full_name text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500 SET search_path = pg_catalog
    RETURN array_to_tsvector(array_remove(
        regexp_split_to_array(
            lower(normalize(email || ' ' || full_name, NFKC)),
            '[\u0001-/:-@\u005b-\u0060\u007b-\u007f]+'
        ),
        ''
    ))
"""


def upgrade() -> None:
    """Adds the index, and the function that says what is in it."""
    op.execute(WORDS)
    op.execute("CREATE INDEX users_by_words ON users USING gin (user_words(email, full_name))")


def downgrade() -> None:
    """Drops both."""
    op.execute("DROP INDEX users_by_words")
    op.execute("DROP FUNCTION user_words(text, text)")
