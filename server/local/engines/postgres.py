"""The embedded PostgreSQL: made by `initdb`, on a loopback port, with a password."""

import asyncio
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from server.local.engines import binaries
from server.local.engines.initdb import initialise
from server.local.errors import LocalError
from server.local.home.ports import free_ports
from server.local.process.child import Child

# The postmaster writes its state to a file and offers no event for it; `pg_ctl` polls that file
# too, ten times less often.
READY_POLL_SECONDS = 0.01
READY_TIMEOUT_SECONDS = 60.0
STATUS_LINE = 7  # of postmaster.pid, counted from zero
UNPRIVILEGED_USER = "nobody"

# For a laptop: little memory, and no JIT, which only helps queries that run for seconds.
SETTINGS = {
    "shared_buffers": "64MB",
    "jit": "off",
    "max_wal_size": "256MB",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
    "timezone": "UTC",  # `initdb` writes down the one that it was run in
    "log_timezone": "UTC",
    # In the data folder: /dev/shm may be small, as in containers, and a killed server leaves its
    # shared memory there.
    "dynamic_shared_memory_type": "mmap",
    # No value of a row in the log: neither statements nor the DETAIL that quotes the row. What a
    # client did wrong the client is told, and the services log what is a defect.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# A crash may lose everything: for tests and --ephemeral only.
NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class EmbeddedPostgres:
    """PostgreSQL 18 in `directory`, which is made when absent and used again when present.

        async with EmbeddedPostgres(tmp_path, durable=False) as postgres:
            connection = await asyncpg.connect(postgres.admin_dsn)

    As root it runs as `nobody`, because PostgreSQL refuses root. Raises `LocalError` when the
    program is missing and `ChildDied` when it does not start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        connections_max: int = 100,
        log_file: Path | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._data = self._directory / "data"
        self._password_file = self._directory / "password"
        self._port = port if port is not None else free_ports(1)[0]
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        self._log_file = log_file or self._directory / "postgres.log"
        settings = SETTINGS | (DURABLE if durable else NOT_DURABLE)
        settings["max_connections"] = str(connections_max)
        self.child = Child(
            name="postgres",
            command=self._command(settings),
            log_file=self._log_file,
            user=self._user,
            stop_signal=signal.SIGINT,  # "fast" shutdown: does not wait for clients
            death_signal=signal.SIGINT,
        )

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    @property
    def admin_dsn(self) -> str:
        """Connects as the superuser to the database `postgres`."""
        password = self._password_file.read_text(encoding="ascii")
        return f"postgresql://postgres:{password}@127.0.0.1:{self._port}/postgres"

    @property
    def is_new(self) -> bool:
        """Whether `start` will have to make the database files first."""
        return not (self._data / "PG_VERSION").exists()

    async def start(self) -> None:
        """Makes the files when there are none, starts the server, and returns when it is ready."""
        if self.is_new:
            await initialise(self._data, self._password_file, self._user, self._log_file)
        self._remove_stale_pid_file()
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                while not self._is_ready():
                    self.child.require_running()
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError as error:
            await self.child.stop()
            raise self.child.not_ready(READY_TIMEOUT_SECONDS) from error

    async def stop(self) -> None:
        """Ends it cleanly: open transactions roll back."""
        await self.child.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _command(self, settings: dict[str, str]) -> list[str]:
        command = [str(binaries.postgres_folder() / "postgres"), "-D", str(self._data)]
        listen = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
        }
        for name, value in (listen | settings).items():
            command += ["-c", f"{name}={value}"]
        return command

    def _remove_stale_pid_file(self) -> None:
        """Removes the pid file of a server that has ended.

        PostgreSQL does so itself unless the pid has been reused, which is common after a reboot and
        in a container. A server that still ran here has been ended before, by its recorded start
        time, so a process with this pid that is not a `postgres` is unrelated.
        """
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
        if _runs_postgres(pid, self._data):
            raise LocalError(
                f"another PostgreSQL (process {pid}) runs in {self._data}",
                "Stop it with `emporium down`, or choose another --home.",
            )
        pid_file.unlink()

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return False
        return (
            len(lines) > STATUS_LINE
            and lines[0] == str(self.child.pid)
            and lines[STATUS_LINE].strip() == "ready"
        )


def _runs_postgres(pid: int, data: Path) -> bool:
    try:
        return str(data) in psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
