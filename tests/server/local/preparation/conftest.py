"""The databases of a home, with all roles that are made there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.home.credentials import owner_dsn, service_dsn
from server.local.home.folder import Home
from server.local.preparation.schema import prepare_all_mongo, prepare_all_postgres
from server.services import SERVICES


@dataclass(frozen=True)
class Databases:
    """Both engines with every service's roles, and a socket of each in the same folder."""

    home: Home
    postgres: EmbeddedPostgres
    mongo: EmbeddedMongo
    sockets: Path

    @property
    def relational(self) -> dict[str, str]:
        """The URL of each service's role, and of the one that migrates, by the role's name."""
        admin = self.postgres.admin_dsn
        return {
            role: dsn(admin, each, self.home)
            for each in SERVICES
            if each.postgres
            for role, dsn in ((each.postgres, service_dsn), (each.owner, owner_dsn))
        }


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def databases(engines_folder: Path) -> AsyncIterator[Databases]:
    """As a home has them, but that both engines also listen on a socket, which none has."""
    sockets = _folder_for_all(engines_folder)
    home = Home.at(engines_folder / "roles")
    postgres = EmbeddedPostgres(home.data / "postgres", durable=False)
    postgres.child.command.extend(["-c", f"unix_socket_directories={sockets}"])
    mongo = EmbeddedMongo(home.data / "mongo", durable=False)
    mongo.child.command.remove("--nounixsocket")
    mongo.child.command.append(f"--unixSocketPrefix={sockets}")
    async with postgres, mongo:
        await prepare_all_postgres(postgres.admin_dsn, home, own_postgres=True)
        await prepare_all_mongo(mongo.uri, home, own_mongo=True)
        yield Databases(home, postgres, mongo, sockets)


def _folder_for_all(parent: Path) -> Path:
    """A folder that PostgreSQL may write to, whoever it runs as."""
    parent.chmod(0o755)
    folder = parent / "sockets"
    folder.mkdir()
    folder.chmod(0o777)
    return folder
