"""What rows run on: a durable PostgreSQL, migrated databases, keys, services as children."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import grpc

from server.kit.auth import Signer
from server.kit.context import Role
from server.kit.postgres import migrate
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.engines.service import ServiceProcess
from server.local.home import keys
from server.local.home.folder import Home
from server.local.home.ports import free_ports
from server.local.process.child import CHECKOUT, Child
from server.services import named
from tests.bench.machine import LOAD_CORE, SERVER_CORE, pin, pin_family

_TOKEN_SECONDS = 3_600
_READY_SECONDS = 30.0

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A server process under measurement."""

    pid: int
    port: int
    log_file: Path


class Stage:
    """Everything that rows share, and what starts the servers that belong to one row alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home.at(folder)
        self._postgres = EmbeddedPostgres(folder / "postgres", connections_max=200)
        self._stack = AsyncExitStack()
        self._mongo: EmbeddedMongo | None = None
        self._made: dict[str, Any] = {}

    @property
    def admin_dsn(self) -> str:
        """PostgreSQL's superuser."""
        return self._postgres.admin_dsn

    async def mongodb_uri(self) -> str:
        """A MongoDB, started at the first asking."""
        if self._mongo is None:
            mongo = EmbeddedMongo(self.folder / "mongo", log_file=self.home.log_file("mongod"))
            self._mongo = await self._stack.enter_async_context(mongo)
            pin(mongo.child.pid, LOAD_CORE)
        return self._mongo.uri

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, made at the first asking and kept for other rows."""
        if name not in self._made:
            self._made[name] = await make()
        made: T = self._made[name]
        return made

    async def database(self, service: str) -> str:
        """A migrated database of `service` that rows share; gives the service's URL."""
        return await self.once(f"database {service}", partial(self.new_database, service))

    async def new_database(self, service: str, suffix: str = "") -> str:
        """A fresh, migrated database of `service`; gives the URL that the service connects by."""
        name = f"emporium_{service}{suffix}"
        database = migrate.Database(name, "owner-password", "service-password")
        await migrate.prepare_postgres(self.admin_dsn, database)
        owner = migrate.dsn(self.admin_dsn, database.owner, database.owner_password, name)
        await asyncio.to_thread(
            migrate.upgrade, owner, named(service).migrations_folder("postgres")
        )
        return migrate.dsn(self.admin_dsn, name, database.service_password, name)

    @asynccontextmanager
    async def admin(self, database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """The superuser's connection to the database of `database_url`, for filling it."""
        name = database_url.rpartition("/")[2]
        connection = await asyncpg.connect(self.admin_dsn, database=name)
        try:
            yield connection
        finally:
            await connection.close()

    def token(self, user_id: str, role: str) -> str:
        """An `authorization` header that every service believes."""
        signer = Signer.from_file(self.home.keys / "user.json", _TOKEN_SECONDS)
        return f"Bearer {signer.sign(user_id, Role(role))}"

    @asynccontextmanager
    async def service(
        self, name: str, core: int = SERVER_CORE, **more: str
    ) -> AsyncIterator[Running]:
        """A service as `emporium up` starts it, on `core`; `more` are environment variables."""
        port = free_ports(1)[0]
        settings = {
            "GRPC_PORT": str(port),
            "METRICS_PORT": "0",
            "DRAIN_SECONDS": "0",
            "JWKS_FILE": str(self.home.keys / "jwks.json"),
            "SIGNING_KEY_FILE": str(self.home.keys / f"{name}.json"),
        }
        log_file = self.home.log_file(name)
        process = ServiceProcess(name, name, log_file, port, {**os.environ, **settings, **more})
        try:
            await process.start()
            pin(process.child.pid, core)
            yield Running(process.child.pid, port, log_file)
        finally:
            await process.stop()

    @asynccontextmanager
    async def baseline(self, database_url: str, *words: str) -> AsyncIterator[Running]:
        """The bare server of baseline.py, on the server core."""
        port = free_ports(1)[0]
        command = [sys.executable, "-m", "tests.bench.baseline", str(port), database_url, *words]
        async with self.child("baseline", command, SERVER_CORE) as child:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                async with asyncio.timeout(_READY_SECONDS):
                    await channel.channel_ready()
            yield Running(child.pid, port, child.log_file)

    @asynccontextmanager
    async def child(
        self,
        name: str,
        command: Sequence[str],
        core: int,
        environment: Mapping[str, str] = os.environ,
    ) -> AsyncIterator[Child]:
        """Any program, on `core`, ended with the block."""
        child = Child(
            name=name,
            command=list(command),
            log_file=self.home.log_file(name),
            environment=environment,
            folder=CHECKOUT,
        )
        await child.start()
        try:
            pin(child.pid, core)
            yield child
        finally:
            await child.stop()

    async def __aenter__(self) -> "Stage":
        async with AsyncExitStack() as stack:
            keys.ensure(self.home)
            await stack.enter_async_context(self._postgres)
            pin_family(self._postgres.child.pid, LOAD_CORE)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """A stage in a folder of its own on disk, which is removed in the end."""
    prefix = "emporium-bench-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        async with Stage(Path(folder)) as ready:
            yield ready
