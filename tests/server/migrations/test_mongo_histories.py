"""Every service's MongoDB history: wherever a database stands in it, it can go up and down.

A step never changes once it is recorded (see `server/migrations/frozen.py`), so every home that was
made by recorded steps stands at one of today's. Those that came before there were checksums could
still be rewritten: of them a dump of an old home is upgraded in `tests/upgrade/`.
"""

import importlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import ModuleType
from typing import Any

import pymongo
import pytest

from server.kit import mongo as kit_mongo
from server.kit.mongo.migrate import BASE, STEPS, downgrade, steps_of, upgrade
from server.local.engines.mongo import EmbeddedMongo
from server.migrations import frozen
from server.settings import Mongo
from tests.server.migrations import catalogue
from tests.upgrade import loading

NewDatabase = Callable[[], AbstractAsyncContextManager[kit_mongo.Database]]

HISTORIES: dict[str, ModuleType] = {
    path.parents[1].name: importlib.import_module(
        f"server.{path.parents[1].name}.migrations.{path.name}"
    )
    for path in frozen.folders(frozen.SERVER)
    if path.name == "mongo"
}


def names(service: str) -> list[str]:
    """The service's steps, from the first to the newest."""
    return [step.name for step in steps_of(HISTORIES[service])]


EVERY_STEP = [(service, step) for service in HISTORIES for step in (BASE, *names(service))]


@pytest.fixture
def new_database(mongo: EmbeddedMongo) -> NewDatabase:
    """`async with new_database() as database`: an empty one."""

    @asynccontextmanager
    async def create() -> AsyncIterator[kit_mongo.Database]:
        name = f"emporium_history_{uuid.uuid4().hex[:8]}"
        settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
        async with kit_mongo.connected(settings) as database:
            yield database

    return create


async def upgraded(
    database: kit_mongo.Database, service: str, to: str | None = None
) -> dict[str, Any]:
    if to != BASE:
        await upgrade(database, HISTORIES[service], to)
    return await catalogue.of_mongo(database)


async def downgraded(database: kit_mongo.Database, service: str, to: str) -> dict[str, Any]:
    await downgrade(database, HISTORIES[service], to)
    return await catalogue.of_mongo(database)


@pytest.mark.parametrize("service", HISTORIES)
def test_steps_are_numbered_without_a_gap(service: str) -> None:
    found = [name.partition("_")[0] for name in names(service)]
    assert found == [f"{number:04}" for number in range(1, len(found) + 1)]


@pytest.mark.parametrize(("service", "step"), EVERY_STEP)
async def test_an_upgrade_from_any_step_comes_to_what_a_fresh_one_is(
    new_database: NewDatabase, service: str, step: str
) -> None:
    async with new_database() as old, new_database() as fresh:
        await upgraded(old, service, step)
        assert await upgraded(old, service) == await upgraded(fresh, service)


@pytest.mark.parametrize("service", HISTORIES)
async def test_each_downgrade_leaves_what_was_there_before_and_can_be_upgraded_again(
    new_database: NewDatabase, service: str
) -> None:
    async with new_database() as database:
        stops = [BASE, *names(service)]
        up = {step: await upgraded(database, service, step) for step in stops}
        assert up[BASE] == {}
        assert up[BASE] != up[stops[-1]]
        for step in stops[-2::-1]:
            assert await downgraded(database, service, step) == up[step], step
        for step in stops[1:]:
            assert await upgraded(database, service, step) == up[step], step


@pytest.mark.parametrize("service", HISTORIES)
async def test_each_step_may_run_again_after_it_was_cut_short(
    new_database: NewDatabase, service: str
) -> None:
    """It did all that it does, and the runner died before it could say so."""
    async with new_database() as database, new_database() as fresh:
        marks = database.collection(STEPS)
        for name in names(service):
            await upgraded(database, service, name)
            await marks.delete_one({"_id": name})
        assert await upgraded(database, service) == await upgraded(fresh, service)


async def test_a_home_made_at_546abbf_comes_to_what_a_fresh_one_is(
    mongo: EmbeddedMongo, new_database: NewDatabase
) -> None:
    """Its steps have no checksums yet; they get those of the steps as they are."""
    name = f"emporium_history_{uuid.uuid4().hex[:8]}"
    async with pymongo.AsyncMongoClient[dict[str, Any]](mongo.uri) as client:
        await loading.load_mongo(client[name])
    settings = Mongo(mongodb_uri=mongo.uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as home, new_database() as fresh:
        applied = [mark["_id"] async for mark in home.collection(STEPS).find({})]
        then = await upgraded(fresh, "analytics", max(applied))
        assert await catalogue.of_mongo(home) == then, (
            "the first steps are no longer what they were"
        )
        assert await upgraded(home, "analytics") == await upgraded(fresh, "analytics")
        marks = [mark async for mark in home.collection(STEPS).find({})]
        steps = {step.name: step.checksum for step in steps_of(HISTORIES["analytics"])}
        assert {mark["_id"]: mark["checksum"] for mark in marks} == steps
