"""A disk that is truly full, through the user service's gRPC door.

PostgreSQL's files are on a small file system of their own, which only root can mount.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from server.kit import auth, postgres
from server.kit.mongo import Database
from server.kit.postgres import Pool, migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.services import USER
from server.settings import Postgres, Tokens
from server.user.app import registrations
from server.user.app.callers import standings
from server.user.passwords.hashing import hashing
from tests.server.conftest import Serve
from tests.server.refusals import Refused
from tests.server.user.conftest import unheard
from tests.server.user.doors import Door, create
from tests.waiting import until

SIZE_MB = 400
CREATES_MAX = 5_000  # what a full disk takes before it is needed for the first time is far less
CHEAPEST_BCRYPT = 4


@dataclass
class Small:
    """A service whose database has little room."""

    door: Door
    pool: Pool
    filler: Path

    def fill(self) -> None:
        """Takes all the room that is left."""
        with self.filler.open("wb") as file:
            room = os.statvfs(self.filler)
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)

    async def created(self) -> bool | Refused:
        """Creates an account; tells what it is told."""
        try:
            await self.door("CreateUser", create())
        except grpc.aio.AioRpcError as error:
            return Refused(error)
        return True


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tmpfs", str(folder)]
    ran = subprocess.run(mount, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {ran.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def small(
    disk: Path, user_mongo: Database, signer: auth.Signer, serve: Serve
) -> AsyncIterator[Small]:
    async with EmbeddedPostgres(disk / "postgres", durable=False) as own:
        database = migrate.Database(USER.postgres, "owner-password", "service-password")
        await migrate.prepare_postgres(own.admin_dsn, database)
        owner = migrate.dsn(own.admin_dsn, database.owner, "owner-password", database.name)
        await asyncio.to_thread(migrate.upgrade, owner, USER.migrations_folder("postgres"))
        url = migrate.dsn(own.admin_dsn, database.name, "service-password", database.name)
        async with (
            postgres.connected(Postgres(database_url=url)) as pool,
            hashing(CHEAPEST_BCRYPT, 2) as hasher,
            standings(pool, unheard(pool)) as accounts,
            serve(
                registrations(pool, user_mongo, hasher, signer, lambda: None, accounts, Tokens()),
                accounts,
            ) as channel,
        ):
            yield Small(Door(channel), pool, disk / "filler")


async def test_what_finds_no_room_is_told_so_and_the_service_recovers(small: Small) -> None:
    taken = int(await small.created() is True)
    assert taken == 1
    small.fill()
    while (told := await small.created()) is True:
        taken += 1
        assert taken < CREATES_MAX
    assert isinstance(told, Refused)
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "OUT_OF_SPACE")
    assert told.retry_after_seconds
    # Each account has told of itself, and asked for a mail.
    for table, count in (("users", taken), ("outbox", 2 * taken)):
        assert await small.pool.fetchval(f"SELECT count(*) FROM {table}") == count

    small.filler.unlink()

    async def goes_on() -> bool:
        return await small.created() is True

    await until(goes_on)
    assert await small.pool.fetchval("SELECT count(*) FROM users") == taken + 1
