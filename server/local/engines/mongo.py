"""The embedded MongoDB: one `mongod`, a replica set of one for transactions and change streams."""

import asyncio
import shutil
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Self

from server.local.engines import binaries
from server.local.engines.mongo_files import ADMIN, REPLICA_SET, MongoFiles
from server.local.home.ports import free_ports
from server.local.process.child import Child

# mongod offers no event for when it listens, so its port is polled.
READY_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 60.0

AwaitPrimary = Callable[[Path, int, bool], Coroutine[None, None, None]]


async def _await_primary(directory: Path, port: int, durable: bool) -> None:
    # Imported late: a supervisor passes a function that does this in another process.
    from server.local.engines.replica_set import await_primary

    await await_primary(directory, port, durable)


class EmbeddedMongo:
    """mongod in `directory`, which is made when absent and used again when present.

        async with EmbeddedMongo(tmp_path) as mongo:
            client = AsyncMongoClient(mongo.uri)

    `durable=False` does not wait for the journal at each acknowledged write. `await_primary` is
    `replica_set.await_primary` or does the same elsewhere. Raises `LocalError` when the program is
    missing and `ChildDied` when it does not start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        log_file: Path | None = None,
        await_primary: AwaitPrimary = _await_primary,
    ) -> None:
        self.files = MongoFiles(directory.absolute())
        self._await_primary = await_primary
        self._port = port if port is not None else free_ports(1)[0]
        self._durable = durable
        self.child = Child(
            name="mongod",
            command=self._command(),
            log_file=log_file or self.files.directory / "mongod.log",
            death_signal=Child.stop_signal,
        )

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    @property
    def uri(self) -> str:
        """Connects to the replica set as its admin."""
        who = f"{ADMIN}:{self.files.password()}"
        return f"mongodb://{who}@127.0.0.1:{self._port}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Starts the server and returns when its only member is primary and takes writes."""
        if not self.files.initialised.exists():
            # An interrupted first start: no client could store anything yet, so start afresh.
            shutil.rmtree(self.files.data, ignore_errors=True)
        self.files.make_secrets()
        self.files.data.mkdir(exist_ok=True, mode=0o700)
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._until_it_listens()
                await self.child.while_running(
                    self._await_primary(self.files.directory, self._port, self._durable)
                )
        except TimeoutError as error:
            await self.child.stop()
            raise self.child.not_ready(READY_TIMEOUT_SECONDS) from error

    async def stop(self) -> None:
        """Ends it cleanly."""
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

    def _command(self) -> list[str]:
        # By default mongod allocates 300 MB for the journal, too much for a RAM disk.
        journal = [] if self._durable else ["--wiredTigerEngineConfigString=log=(prealloc=false)"]
        return [
            str(binaries.mongod()),
            f"--dbpath={self.files.data}",
            f"--port={self._port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            f"--replSet={REPLICA_SET}",
            f"--keyFile={self.files.key}",  # also makes authentication mandatory
            "--setParameter=authenticationMechanisms=SCRAM-SHA-256",
            "--noscripting",  # no JavaScript runs in the server, whatever a statement holds
            "--oplogSize=128",
            "--wiredTigerCacheSizeGB=0.25",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            # It logs slow commands with all that they hold: people's data, in a file.
            "--slowOpSampleRate=0.0",
            # Do not wait at a shutdown for other members to take over: there are none.
            "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",
            *journal,
        ]

    async def _until_it_listens(self) -> None:
        while True:
            self.child.require_running()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            await asyncio.sleep(READY_POLL_SECONDS)
