"""Puts the home that was made at revision 546abbf into fresh databases.

What is in it, and what must be found there after an upgrade: see `at_546abbf/README.md`.
"""

from pathlib import Path
from typing import Any

import asyncpg
from bson import json_util
from pymongo.asynchronous.database import AsyncDatabase

FOLDER = Path(__file__).parent / "at_546abbf"

# Keys are forgotten after 30 days, and an event is sent when it falls due. So what the dump says
# of either is moved, by one interval a table, to where its latest moment is now.
_KEYS_UNTIL_NOW = """
    UPDATE public.idempotency_keys SET created_at = created_at + newest.age
    FROM (SELECT now() - max(created_at) AS age FROM public.idempotency_keys) AS newest
"""
_EVENTS_UNTIL_NOW = """
    UPDATE public.outbox SET created_at = created_at + newest.age, due_at = due_at + newest.age
    FROM (SELECT now() - max(due_at) AS age FROM public.outbox) AS newest
"""
_DEAD_LETTERS_UNTIL_NOW = """
    UPDATE public.outbox_dead_letters
    SET created_at = created_at + newest.age, died_at = died_at + newest.age
    FROM (SELECT now() - max(died_at) AS age FROM public.outbox_dead_letters) AS newest
"""


async def load(
    owner_dsn_user: str, owner_dsn_order: str, mongo_database: AsyncDatabase[dict[str, Any]]
) -> None:
    """Fills three databases, which must be empty, with the home as it was.

    The DSNs are those of the roles that migrate: the tables become theirs.
    """
    await _load_sql(owner_dsn_user, "user.sql", _KEYS_UNTIL_NOW)
    await _load_sql(
        owner_dsn_order, "order.sql", _KEYS_UNTIL_NOW, _EVENTS_UNTIL_NOW, _DEAD_LETTERS_UNTIL_NOW
    )
    await load_mongo(mongo_database)


async def load_mongo(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Fills one database, which must be empty, with the analytics of the home."""
    for line in (FOLDER / "analytics.jsonl").read_text(encoding="utf-8").splitlines():
        content = json_util.loads(line, json_options=json_util.CANONICAL_JSON_OPTIONS)
        if "options" in content:
            await database.create_collection(content["collection"], **content["options"])
        else:
            await database[content["collection"]].insert_one(content["document"])


async def _load_sql(owner_dsn: str, name: str, *statements: str) -> None:
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute((FOLDER / name).read_text(encoding="utf-8"))
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
