"""Prepares the services' databases and brings their schema up to date, where needed."""

import asyncio
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from server.local.errors import LocalError
from server.local.home.credentials import owner_dsn, owner_mongodb_uri, service_dsn
from server.local.home.folder import Home
from server.local.preparation import mongo_users
from server.services import SERVICES, Service
from server.settings import SettingsError

REVISION = re.compile(r'^revision\b[^=]*=\s*["\'](\w+)["\']', re.MULTILINE)
DOWN_REVISION = re.compile(r'^down_revision\b[^=]*=\s*["\'](\w+)["\']', re.MULTILINE)


async def prepare_all_postgres(
    admin_dsn: str, home: Home, *, own_postgres: bool = False
) -> list[str]:
    """Prepares every PostgreSQL database; the names of the services that were behind.

    With `own_postgres`, no service's role may look into the server's own databases either.
    """
    if own_postgres:
        with _explained():
            await _close_own_databases(admin_dsn)
    # One after another, because Alembic keeps the migration that runs in globals.
    return [
        each.name for each in SERVICES if each.postgres and await prepare(admin_dsn, each, home)
    ]


async def prepare_all_mongo(mongodb_uri: str, home: Home, *, own_mongo: bool) -> list[str]:
    """Prepares every MongoDB database; the names of the services that were behind.

    With `own_mongo`, `mongodb_uri` is an admin's and each service gets users of its own there.
    """
    return [
        each.name
        for each in SERVICES
        if each.mongo and await prepare_mongo(mongodb_uri, each, home, makes_users=own_mongo)
    ]


async def _close_own_databases(admin_dsn: str) -> None:
    """Keeps everybody but superusers out of the databases that are no service's."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


async def prepare(admin_dsn: str, service: Service, home: Home) -> bool:
    """Makes roles, database and schema what they should be; whether anything was to be done.

    Raises `LocalError` when the server cannot be reached or does not take the admin in.
    """
    with _explained():
        return await _prepare(admin_dsn, service, home)


async def _prepare(admin_dsn: str, service: Service, home: Home) -> bool:
    if await _is_ready(admin_dsn, service, home):
        return False
    # Imported late: Alembic loads SQLAlchemy, 0.7 s (AMD EPYC, November 2026) that a second
    # run does not need.
    from server.kit.postgres import migrate

    database = migrate.Database(
        service.postgres, home.secret(service.owner), home.secret(service.postgres)
    )
    await migrate.prepare_postgres(admin_dsn, database)
    scripts = service.migrations_folder("postgres")
    await asyncio.to_thread(migrate.upgrade, owner_dsn(admin_dsn, service, home), scripts)
    return True


async def prepare_mongo(
    mongodb_uri: str, service: Service, home: Home, *, makes_users: bool
) -> bool:
    """Brings a service's MongoDB database up to date; whether anything was to be done.

    With `makes_users`, `mongodb_uri` is an admin's, who makes the user that migrates and the
    service's own. Raises `LocalError` when the server cannot be reached, does not take the admin
    in, or was made by other steps.
    """
    from pymongo.errors import PyMongoError

    from server.kit.errors import Unavailable
    from server.kit.mongo.migrate import MigrationError
    from server.kit.telemetry import brief

    migrations = importlib.import_module(service.migrations("mongo"))
    try:
        if not makes_users:
            return bool(await migrations.upgrade(mongodb_uri, service.mongo))
        uri = owner_mongodb_uri(mongodb_uri, service, home)
        async with mongo_users.Client(mongodb_uri) as admin:
            await mongo_users.ensure_owner(admin, service, home)
            changed = await migrations.upgrade(uri, service.mongo)
            await mongo_users.ensure_service(admin, service, home)
    except (SettingsError, Unavailable) as error:
        raise LocalError(str(error), "Check MONGODB_URI.") from error
    except PyMongoError as error:
        remedy = "MONGODB_URI must be that of a user who may make users in every database."
        raise LocalError(f"MongoDB refuses: {brief(error)}", remedy) from error
    except MigrationError as error:
        raise LocalError(
            str(error),
            "Run the code whose checksums.txt has the steps that this database was made by.",
        ) from error
    return bool(changed)


@contextmanager
def _explained() -> Iterator[None]:
    """Turns errors of a server that cannot be used into `LocalError`, without parts of its URL."""
    from server.kit.telemetry import brief

    try:
        yield
    except OSError as error:
        remedy = "Check DATABASE_URL, and that the server runs."
        raise LocalError(f"PostgreSQL cannot be reached: {brief(error)}", remedy) from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        remedy = "DATABASE_URL must be that of a role that may create roles and databases."
        raise LocalError("PostgreSQL refuses the role or the database", remedy) from error
    except ValueError as error:  # the driver's own are of this kind
        raise LocalError("DATABASE_URL cannot be read as a URL", "") from error


async def _is_ready(admin_dsn: str, service: Service, home: Home) -> bool:
    """Whether both roles can sign in and the schema is at the newest revision."""
    try:
        connection = await asyncpg.connect(service_dsn(admin_dsn, service, home))
        await connection.close()
        connection = await asyncpg.connect(owner_dsn(admin_dsn, service, home))
        try:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        finally:
            await connection.close()
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.UndefinedTableError,
    ):
        return False
    return {revision} == heads(service.migrations_folder("postgres") / "versions")


def heads(versions: Path) -> set[str]:
    """The newest revisions in a folder of Alembic's, read without loading Alembic."""
    texts = [file.read_text(encoding="utf-8") for file in versions.glob("*.py")]
    revisions = {revision for text in texts for revision in REVISION.findall(text)}
    return revisions - {revision for text in texts for revision in DOWN_REVISION.findall(text)}
