"""Brings a MongoDB database up to date or back: validators, indexes and data, as numbered steps.

A service's `migrations` package holds modules such as `0001_order_events`, each with an
`async def upgrade(database)` and its reverse, `async def downgrade(database)`; see `Target`.

What has been applied stands in the collection `schema_steps`, with the checksum of the step's file:
a step that has changed since is refused. One runner works at a time. MongoDB changes no schema
within a transaction, so a step may be run again after it was interrupted, and must be repeatable.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pymongo
import structlog

from server.kit.mongo import Collection, Database, Document
from server.kit.mongo.lock import locked

STEPS = "schema_steps"
BASE = "base"  # as Alembic names the state before the first step

# A step may build an index over a large collection, which takes longer than any call may.
_STEP_SECONDS = 3_600.0

_log = structlog.get_logger()


class Target(Protocol):
    """The argument of every step: all that a step may use of the kit.

    Steps never change, so neither may the meaning of these. The validators, indexes and filters
    that a step gives them stand in the step itself.
    """

    async def command(self, *command: Any, **parameters: Any) -> Document:
        """Runs a database command."""

    async def ensure_collection(self, name: str, schema: Mapping[str, Any]) -> None:
        """Makes the collection, or gives the one that is there `schema` as its validator."""

    def collection(self, name: str) -> Collection:
        """A collection, as both drivers have it."""


class MigrationError(Exception):
    """The steps of this code are not those that were applied to the database."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a `migrations` package."""

    name: str
    checksum: str
    module: ModuleType


async def upgrade(database: Database, migrations: ModuleType, to: str | None = None) -> list[str]:
    """Applies the steps of `migrations` that have not been, in order; gives their names.

    It ends with the step named `to`, or with the last. Raises `MigrationError` when there is no
    such step, or one has changed since it was applied. Steps that the database has and
    `migrations` lacks belong to newer code, and are ignored.
    """
    steps = steps_of(migrations)
    if to is not None:
        _require(to, steps)
        steps = [step for step in steps if step.name <= to]
    if not _missing(steps, await _applied(database, steps)):
        return []
    async with locked(database, STEPS) as lock:
        # Another runner may have applied them while this one waited.
        missing = _missing(steps, await _applied(database, steps))
        for step in missing:
            await lock.renew()
            with pymongo.timeout(_STEP_SECONDS):
                await step.module.upgrade(database)
            await lock.renew()
            mark = {"_id": step.name, "applied_at": datetime.now(UTC), "checksum": step.checksum}
            await database.collection(STEPS).insert_one(mark)
            _log.info("mongo.step_applied", step=step.name)
    return [step.name for step in missing]


async def downgrade(database: Database, migrations: ModuleType, to: str) -> list[str]:
    """Reverses every step after the one named `to`, or all for "base"; gives their names.

    Raises `MigrationError` when there is no such step, or when `migrations` lacks one that would
    have to be reversed, or has another of that name.
    """
    steps = {step.name: step for step in steps_of(migrations)}
    if to != BASE:
        _require(to, list(steps.values()))
    async with locked(database, STEPS) as lock:
        applied = await _applied(database, list(steps.values()))
        reversed_ = sorted((name for name in applied if to == BASE or name > to), reverse=True)
        if unknown := [name for name in reversed_ if name not in steps]:
            raise MigrationError(f"only the code that applied {unknown[0]} can reverse it")
        for name in reversed_:
            await lock.renew()
            with pymongo.timeout(_STEP_SECONDS):
                await steps[name].module.downgrade(database)
            await lock.renew()
            await database.collection(STEPS).delete_one({"_id": name})
            _log.info("mongo.step_reversed", step=name)
    return reversed_


def steps_of(migrations: ModuleType) -> list[Step]:
    """The steps of a `migrations` package, in order."""
    found = (module.name for module in pkgutil.iter_modules(migrations.__path__))
    return [_step(migrations, name) for name in sorted(found) if name[:4].isdigit()]


def _step(migrations: ModuleType, name: str) -> Step:
    # Of the package that the caller handed over: its modules begin with digits.
    module = importlib.import_module(f"{migrations.__name__}.{name}")  # noqa: TID251
    assert module.__file__
    checksum = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
    return Step(name, checksum, module)


def _require(name: str, steps: Sequence[Step]) -> None:
    if name not in {step.name for step in steps}:
        raise MigrationError(f"there is no step {name}")


def _missing(steps: Sequence[Step], applied: set[str]) -> list[Step]:
    return [step for step in steps if step.name not in applied]


async def _applied(database: Database, steps: Sequence[Step]) -> set[str]:
    """The names of the steps that have been applied, each from the same file as here.

    Databases older than the checksums have steps without one; it is recorded when it is first
    missed.
    """
    marks = database.collection(STEPS)
    applied = {mark["_id"]: mark.get("checksum") async for mark in marks.find({})}
    for step in steps:
        if step.name not in applied:
            continue
        if applied[step.name] is None:
            without = {"_id": step.name, "checksum": {"$exists": False}}
            await marks.update_one(without, {"$set": {"checksum": step.checksum}})
        elif applied[step.name] != step.checksum:
            raise MigrationError(
                f"the step {step.name} has changed since it was applied: restore it, and make the"
                " change in a step of its own"
            )
    return set(applied)
