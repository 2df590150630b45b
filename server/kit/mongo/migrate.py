"""Brings a MongoDB database up to date: validators and indexes, as numbered steps.

A service's `migrations` package holds modules such as `0001_order_events`, each with an
`async def upgrade(database)` and its reverse, `downgrade`; see `Target`. What has been applied
stands in the collection `schema_steps`.
MongoDB changes no schema within a transaction, so a step may be run again after it was cut short,
or run twice at once, and must come to the same.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Protocol

from server.kit.mongo import Collection, Database, Document

STEPS = "schema_steps"


class Target(Protocol):
    """What a step is handed: all that it may know of the kit.

    Steps never change, so neither may the meaning of these. The validators, indexes and filters
    that a step gives them stand in the step itself.
    """

    async def command(self, *command: Any, **parameters: Any) -> Document:
        """Runs a database command."""

    async def ensure_collection(self, name: str, schema: Mapping[str, Any]) -> None:
        """Makes the collection, or gives the one that is there `schema` as its validator."""

    def collection(self, name: str) -> Collection:
        """A collection, as both drivers have it."""


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
