"""Every service's PostgreSQL history: wherever a database stands in it, it can go up and down.

A revision never changes once it is recorded (see `server/migrations/frozen.py`), so every home that
was made by recorded revisions stands at one of today's. Those that came before there were checksums
could still be rewritten: of them a dump of an old home is upgraded in `tests/upgrade/`.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.migrations import frozen
from tests.server.kit import tables
from tests.server.migrations import catalogue
from tests.upgrade import loading

NewOwner = Callable[[], Awaitable[str]]

HISTORIES = {
    path.parents[1].name: path
    for path in frozen.folders(frozen.SERVER)
    if (path / "env.py").exists()
}


def revisions(service: str) -> list[str]:
    """The service's revisions, from the first to the newest."""
    scripts = ScriptDirectory(str(HISTORIES[service]))
    return [script.revision for script in scripts.walk_revisions()][::-1]


EVERY_REVISION = [
    (service, revision) for service in HISTORIES for revision in ("base", *revisions(service))
]


@pytest.fixture(scope="module")
def new_owner(postgres: EmbeddedPostgres) -> NewOwner:
    """`await new_owner()`: connects to a database that is prepared and empty, as its owner."""

    async def create() -> str:
        database = migrate.Database(f"emporium_{uuid.uuid4().hex[:8]}", "owner", "service")
        await migrate.prepare_postgres(postgres.admin_dsn, database)
        return migrate.dsn(postgres.admin_dsn, database.owner, "owner", database.name)

    return create


async def upgraded(owner: str, service: str, revision: str = "head") -> catalogue.Catalogue:
    if revision != "base":
        await asyncio.to_thread(migrate.upgrade, owner, HISTORIES[service], revision)
    return await catalogue.of_postgres(owner)


async def downgraded(owner: str, service: str, revision: str) -> catalogue.Catalogue:
    await asyncio.to_thread(migrate.downgrade, owner, HISTORIES[service], revision)
    return await catalogue.of_postgres(owner)


@pytest.mark.parametrize(("service", "revision"), EVERY_REVISION)
async def test_an_upgrade_from_any_revision_comes_to_what_a_fresh_one_is(
    new_owner: NewOwner, service: str, revision: str
) -> None:
    owner = await new_owner()
    await upgraded(owner, service, revision)
    assert await upgraded(owner, service) == await upgraded(await new_owner(), service)


@pytest.mark.parametrize("service", [path.stem for path in loading.FOLDER.glob("*.sql")])
async def test_a_home_made_at_546abbf_comes_to_what_a_fresh_one_is(
    new_owner: NewOwner, service: str
) -> None:
    owner = await new_owner()
    text = (loading.FOLDER / f"{service}.sql").read_text(encoding="utf-8")
    await executed(owner, text)
    first = await upgraded(await new_owner(), service, revisions(service)[0])
    assert await catalogue.of_postgres(owner) == first, (
        "the first migration is no longer what it was"
    )
    assert await upgraded(owner, service) == await upgraded(await new_owner(), service)


@pytest.mark.parametrize("service", HISTORIES)
async def test_each_downgrade_leaves_what_was_there_before_and_can_be_upgraded_again(
    new_owner: NewOwner, service: str
) -> None:
    owner = await new_owner()
    stops = ["base", *revisions(service)]
    up = {revision: await upgraded(owner, service, revision) for revision in stops}
    assert up["base"] != up[stops[-1]]
    for revision in stops[-2::-1]:
        assert await downgraded(owner, service, revision) == up[revision], revision
    for revision in stops[1:]:
        assert await upgraded(owner, service, revision) == up[revision], revision


@pytest.mark.parametrize("table", tables.newest())
@pytest.mark.parametrize("service", HISTORIES)
async def test_a_table_of_the_kit_is_at_its_newest_version_in_each_service_that_has_it(
    new_owner: NewOwner, service: str, table: str
) -> None:
    owner = await new_owner()
    empty = await catalogue.of_postgres(owner)
    await executed(owner, tables.creating(table))
    expected = without(await catalogue.of_postgres(owner), empty)
    assert f"table {table}" in expected
    found = without(await upgraded(await new_owner(), service), empty)
    if f"table {table}" in found:
        assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize("table", tables.newest())
async def test_a_table_of_the_kit_is_in_some_service(new_owner: NewOwner, table: str) -> None:
    heads = [await upgraded(await new_owner(), service) for service in HISTORIES]
    assert any(f"table {table}" in found for found in heads)


def without(found: catalogue.Catalogue, known: catalogue.Catalogue) -> catalogue.Catalogue:
    return {name: facts for name, facts in found.items() if name not in known}


async def executed(owner: str, statements: str) -> None:
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
