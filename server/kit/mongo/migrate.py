"""Brings a MongoDB database up to date: validators and indexes, as numbered steps.

A service's `migrations` package holds modules such as `0001_order_events`, each with an
`async def upgrade(database)`. What has been applied stands in the collection `schema_steps`.
MongoDB changes no schema within a transaction, so a step may be run again after it was cut short,
or run twice at once, and must come to the same.
"""

import importlib
import pkgutil
from datetime import UTC, datetime
from types import ModuleType

from server.kit.mongo import Database

STEPS = "schema_steps"


async def upgrade(database: Database, migrations: ModuleType) -> list[str]:
    """Applies the steps of `migrations` that have not been, in order; gives their names."""
    done = {step["_id"] async for step in database.collection(STEPS).find({})}
    missing = [name for name in names(migrations) if name not in done]
    for name in missing:
        await importlib.import_module(f"{migrations.__name__}.{name}").upgrade(database)
        mark = {"$setOnInsert": {"applied_at": datetime.now(UTC)}}
        await database.collection(STEPS).update_one({"_id": name}, mark, upsert=True)
    return missing


def names(migrations: ModuleType) -> list[str]:
    """The steps of a `migrations` package, in order."""
    found = (module.name for module in pkgutil.iter_modules(migrations.__path__))
    return sorted(name for name in found if name[:4].isdigit())
