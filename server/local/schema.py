"""Prepares the databases of a home and brings their schema up to date, when that is needed."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from server.kit.dsn import dsn
from server.local.errors import LocalError
from server.local.home import Home
from server.local.services import CHECKOUT

DATABASES = {"user": "emporium_user", "order": "emporium_order"}
REVISION = re.compile(r'^revision\b[^=]*=\s*["\'](\w+)["\']', re.MULTILINE)
DOWN_REVISION = re.compile(r'^down_revision\b[^=]*=\s*["\'](\w+)["\']', re.MULTILINE)


def owner_dsn(admin_dsn: str, service: str, home: Home) -> str:
    """Connects to a service's database as the role that migrates it."""
    name = DATABASES[service]
    return dsn(admin_dsn, f"{name}_owner", home.secret(f"{name}_owner"), name)


def service_dsn(admin_dsn: str, service: str, home: Home) -> str:
    """Connects to a service's database as the service does."""
    name = DATABASES[service]
    return dsn(admin_dsn, name, home.secret(name), name)


async def prepare(admin_dsn: str, service: str, home: Home) -> bool:
    """Makes roles, database and schema what they should be; whether anything was to be done.

    Raises `LocalError` when the server cannot be reached or does not take the admin in.
    """
    with _explained(admin_dsn):
        return await _prepare(admin_dsn, service, home)


async def _prepare(admin_dsn: str, service: str, home: Home) -> bool:
    if await _is_ready(admin_dsn, service, home):
        return False
    # Imported late: Alembic brings SQLAlchemy, half a second that a second run has no use for.
    from server.kit.postgres import migrate

    name = DATABASES[service]
    database = migrate.Database(name, home.secret(f"{name}_owner"), home.secret(name))
    await migrate.prepare_postgres(admin_dsn, database)
    await asyncio.to_thread(migrate.upgrade, owner_dsn(admin_dsn, service, home), service)
    return True


async def prepare_mongo(mongodb_uri: str) -> bool:
    """Brings the analytics database up to date; whether anything was to be done.

    Raises `LocalError` when the server cannot be reached.
    """
    from server.analytics.migrations import mongo as migrations
    from server.kit.errors import Unavailable

    try:
        return bool(await migrations.upgrade(mongodb_uri))
    except Unavailable as error:
        raise LocalError(str(error), "Check MONGODB_URI.") from error


@contextmanager
def _explained(admin_dsn: str) -> Iterator[None]:
    """Says of a server that cannot be used where it is, without its password."""
    where = admin_dsn.rpartition("@")[2]
    try:
        yield
    except OSError as error:
        mend = "Check DATABASE_URL, and that the server runs."
        raise LocalError(f"PostgreSQL at {where} cannot be reached: {error}", mend) from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InsufficientPrivilegeError,
    ) as error:
        mend = "DATABASE_URL must be that of a role that may create roles and databases."
        raise LocalError(f"PostgreSQL at {where} refuses: {error}", mend) from error


async def _is_ready(admin_dsn: str, service: str, home: Home) -> bool:
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
    return {revision} == heads(
        CHECKOUT / "server" / service / "migrations" / "postgres" / "versions"
    )


def heads(versions: Path) -> set[str]:
    """The newest revisions in a folder of Alembic's, read without loading Alembic."""
    texts = [file.read_text(encoding="utf-8") for file in versions.glob("*.py")]
    revisions = {revision for text in texts for revision in REVISION.findall(text)}
    return revisions - {revision for text in texts for revision in DOWN_REVISION.findall(text)}
