"""What a database is made of, without the rows: two that are made alike read alike."""

from typing import Any

import asyncpg

from server.kit import mongo
from server.kit.mongo.lock import LOCKS
from server.kit.mongo.migrate import STEPS

# By object ("table users"), a line for each thing that is true of it.
Catalogue = dict[str, list[str]]

# What runs the migrations keeps to itself: Alembic's table, and the collections of our runner.
_ALEMBIC = "table alembic_version"
_RUNNER = {STEPS, LOCKS}

# What MongoDB says of a validator that was replaced, and not of one that was there from the first.
_DEFAULTS = {"validationLevel": "strict", "validationAction": "error"}

# Each gives an object of the schema `public` and something that is true of it. Two things are left
# out. The order of columns: one that was added later is as good as one that was there from the
# first. The names of constraints NOT NULL: they keep the name that a column once had, and of the
# column itself it is said that it has one.
_FACTS = {
    "relations": """
        SELECT relation, concat_ws(' ', 'kind', relkind, relpersistence, reloptions, 'owner',
                                   relowner::regrole, 'grants', relacl, 'row security',
                                   relrowsecurity, relforcerowsecurity)
        FROM relations
    """,
    "columns": """
        SELECT relation, concat_ws(' ', 'column', quote_ident(attname),
                                   format_type(atttypid, atttypmod), nullif(attidentity, ''),
                                   nullif(attgenerated, ''),
                                   CASE WHEN attnotnull THEN 'NOT NULL' END,
                                   'DEFAULT ' || pg_get_expr(adbin, adrelid),
                                   'COLLATE ' || nullif(attcollation, typcollation)::regcollation,
                                   'grants ' || attacl::text)
        FROM relations
        JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    """,
    "constraints": """
        SELECT relation, concat_ws(' ', 'constraint', conname,
                                   pg_get_constraintdef(pg_constraint.oid))
        FROM relations JOIN pg_constraint ON conrelid = relations.oid
        WHERE contype <> 'n' OR NOT convalidated
    """,
    "indexes": """
        SELECT relation, concat_ws(' ', pg_get_indexdef(indexrelid),
                                   CASE WHEN NOT indisvalid THEN 'INVALID' END)
        FROM relations JOIN pg_index ON indrelid = relations.oid
    """,
    "triggers": """
        SELECT relation, concat_ws(' ', pg_get_triggerdef(pg_trigger.oid), 'enabled', tgenabled)
        FROM relations JOIN pg_trigger ON tgrelid = relations.oid AND NOT tgisinternal
    """,
    "policies": """
        SELECT relation, concat_ws(' ', 'policy', polname, polcmd, polpermissive,
                                   polroles::regrole[], pg_get_expr(polqual, polrelid),
                                   pg_get_expr(polwithcheck, polrelid))
        FROM relations JOIN pg_policy ON polrelid = relations.oid
    """,
    "sequences": """
        SELECT relation, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax,
                                   seqcache, seqcycle)
        FROM relations JOIN pg_sequence ON seqrelid = relations.oid
    """,
    "views": """
        SELECT relation, pg_get_viewdef(oid) FROM relations WHERE relkind IN ('v', 'm')
    """,
    "functions": """
        SELECT 'function ' || oid::regprocedure,
               concat_ws(' ', pg_get_functiondef(oid), 'owner', proowner::regrole, 'grants', proacl)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
    """,
    "types": """
        SELECT 'type ' || pg_type.oid::regtype,
               concat_ws(' ', typtype, enums.labels, format_type(typbasetype, typtypmod),
                         typdefault, CASE WHEN typnotnull THEN 'NOT NULL' END, 'owner',
                         typowner::regrole, 'grants', typacl)
        FROM pg_type
        LEFT JOIN LATERAL (
            SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) AS labels
            FROM pg_enum WHERE enumtypid = pg_type.oid
        ) AS enums ON true
        WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd', 'r')
    """,
    "checks of domains": """
        SELECT 'type ' || contypid::regtype, concat_ws(' ', conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE contypid <> 0 AND connamespace = 'public'::regnamespace
    """,
    "the schema": """
        SELECT 'schema ' || nspname, concat_ws(' ', 'owner', nspowner::regrole, 'grants', nspacl)
        FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
    """,
    "what new objects grant": """
        SELECT 'new objects', concat_ws(' ', defaclrole::regrole, defaclobjtype, defaclacl)
        FROM pg_default_acl
    """,
    "extensions": """
        SELECT 'extension ' || extname, 'version ' || extversion FROM pg_extension
    """,
}

_WITH_RELATIONS = """
    WITH relations AS (
        SELECT *, CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname AS relation
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S')
    )
"""


async def of_postgres(dsn: str) -> Catalogue:
    """Reads the database at `dsn`, calling its two roles alike whatever the database is called."""
    connection = await asyncpg.connect(dsn)
    try:
        name = await connection.fetchval("SELECT current_database()")
        facts = [
            (str(each[0]), str(each[1]).replace(f"{name}_owner", "owner").replace(name, "service"))
            for query in _FACTS.values()
            for each in await connection.fetch(_WITH_RELATIONS + query)
        ]
    finally:
        await connection.close()
    objects = sorted({named for named, _ in facts} - {_ALEMBIC})
    return {one: sorted(fact for named, fact in facts if named == one) for one in objects}


async def of_mongo(database: mongo.Database) -> dict[str, Any]:
    """By collection, its options (the validator among them) and its indexes."""
    collections = (await database.command("listCollections"))["cursor"]["firstBatch"]
    return {
        each["name"]: {
            "type": each["type"],
            "options": _DEFAULTS | each["options"],
            "indexes": await _indexes(database, each["name"]) if each["type"] != "view" else [],
        }
        for each in sorted(collections, key=lambda each: str(each["name"]))
        if each["name"] not in _RUNNER
    }


async def _indexes(database: mongo.Database, collection: str) -> list[dict[str, Any]]:
    found = (await database.command("listIndexes", collection))["cursor"]["firstBatch"]
    return sorted(found, key=lambda index: str(index["name"]))
