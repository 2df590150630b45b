"""What rows run on: the cluster of this checkout, and the servers that belong to one row alone."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emporium.user.v1.auth_service_pb2 import LoginRequest
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from tests.bench.cluster import Cluster
from tests.bench.machine import CORES, LOAD_CORE, SERVER_CORE, free_port, pin, pin_family
from tests.bench.tree import CHECKOUT

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.01
_STOP_SECONDS = 20.0

T = TypeVar("T")


@dataclass(frozen=True)
class Running:
    """A server process under measurement."""

    pid: int
    port: int


class Stage:
    """Everything that rows share. The cluster is known by its `cluster.json` only."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder = folder
        self.cluster = cluster
        self._made: dict[str, Any] = {}
        self._files = 0
        self._pin(LOAD_CORE)

    def new_file(self, suffix: str) -> Path:
        """A file that nobody else writes to."""
        self._files += 1
        return self.folder / f"{self._files}{suffix}"

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, made at the first asking and kept for other rows."""
        if name not in self._made:
            self._made[name] = await make()
        made: T = self._made[name]
        return made

    async def database(self, service: str, suffix: str = "") -> str:
        """A database of `service` with nothing of ours in it; gives the service's own URL.

        Rows that name no suffix share the cluster's.
        """
        url: str = self.cluster.record["postgres"][service]
        if not suffix:
            return url
        return await self.once(f"database {url}{suffix}", partial(self._copy, url, suffix))

    @asynccontextmanager
    async def admin(self, database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """The superuser's connection to the database of `database_url`, for filling it."""
        admin_dsn = self.cluster.record["postgres"]["admin_dsn"]
        connection = await asyncpg.connect(admin_dsn, database=_name(database_url))
        try:
            yield connection
        finally:
            await connection.close()

    async def token(self, role: str) -> str:
        """A fresh `authorization` header of the demo login with this role."""
        email, password = self.cluster.login(role)
        request = LoginRequest(email=email, password=password)
        port = self.cluster.grpc_port("user")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = await AuthServiceStub(channel).Login(request, timeout=_READY_SECONDS)
        return f"Bearer {answer.access_token}"

    def environment(self, service: str) -> dict[str, str]:
        """What the cluster has given to its own process of `service`."""
        content = Path(f"/proc/{self.cluster.pid(service)}/environ").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in content.split("\0") if line)

    def program(self, name: str) -> str:
        """The file that the cluster's process `name` runs."""
        return str(Path(f"/proc/{self.cluster.pid(name)}/exe").readlink())

    def measured(self, service: str) -> Running:
        """The cluster's own process of `service`, alone on the server core from now on."""
        for other in self.cluster.record["grpc"]:
            pin(self.cluster.pid(other), SERVER_CORE if other == service else LOAD_CORE)
        return Running(self.cluster.pid(service), self.cluster.grpc_port(service))

    @contextmanager
    def unpinned(self) -> Iterator[None]:
        """The cluster's processes go where the kernel sends them, while the block runs."""
        with self._pinned(*CORES):
            yield

    @contextmanager
    def together(self) -> Iterator[None]:
        """All processes of the cluster are on the server core, and nothing else is there."""
        with self._pinned(SERVER_CORE):
            yield

    @contextmanager
    def _pinned(self, *cores: int) -> Iterator[None]:
        self._pin(*cores)
        try:
            yield
        finally:
            self._pin(LOAD_CORE)

    @asynccontextmanager
    async def service(self, name: str, **more: str) -> AsyncIterator[Running]:
        """Another process of a service, on the server core; `more` are environment variables."""
        port = free_port()
        settings = {"GRPC_PORT": str(port), "METRICS_PORT": "0", "DRAIN_SECONDS": "0"}
        environment = self.environment(name) | settings | more
        command = [sys.executable, "-m", "server", name]
        async with self.child(command, SERVER_CORE, environment) as pid:
            await _until_serving(port)
            yield Running(pid, port)

    @asynccontextmanager
    async def baseline(self, database_url: str, *words: str) -> AsyncIterator[Running]:
        """The bare server of baseline.py, on the server core."""
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.baseline", str(port), database_url, *words]
        async with self.child(command, SERVER_CORE) as pid:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                async with asyncio.timeout(_READY_SECONDS):
                    await channel.channel_ready()
            yield Running(pid, port)

    @asynccontextmanager
    async def child(
        self, command: Sequence[str], core: int, environment: Mapping[str, str] = os.environ
    ) -> AsyncIterator[int]:
        """Any program, on `core`, ended with the block; gives its pid."""
        with (self.folder / "children.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdout=log,
                stderr=log,
                cwd=CHECKOUT,
                env=dict(environment),
                # As the cluster's are: Linux shares a busy core among sessions, not processes.
                start_new_session=True,
            )
        try:
            pin(process.pid, core)
            yield process.pid
        finally:
            await _ended(process)

    def _pin(self, *cores: int) -> None:
        for name, pid in self.cluster.pids.items():
            if name != "supervisor":
                pin_family(pid, *cores)

    async def _copy(self, url: str, suffix: str) -> str:
        """A new database like the one of `url`, which has to be left by everybody for a moment."""
        name, role = _name(url), urlsplit(url).username
        copy = f"{name}{suffix}"
        async with self.admin("/postgres") as connection:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            try:
                await connection.execute(_LEAVE, name)
                await connection.execute(f"CREATE DATABASE {copy} TEMPLATE {name}")
            finally:
                await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await connection.execute(f"GRANT CONNECT ON DATABASE {copy} TO {role}")
        return f"{url.rpartition('/')[0]}/{copy}"


_LEAVE = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"


def _name(database_url: str) -> str:
    return database_url.rpartition("/")[2]


async def _until_serving(port: int) -> None:
    """Returns when the server on `port` says SERVING. Nobody announces when it listens."""
    async with (
        asyncio.timeout(_READY_SECONDS),
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", [("grpc.max_reconnect_backoff_ms", 100)]
        ) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest())
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(_POLL_SECONDS)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
