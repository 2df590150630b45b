"""A MongoDB of our own: one `mongod`, as a replica set of one, for transactions and streams."""

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local import binaries
from server.local.errors import LocalError
from server.local.ports import free_ports
from server.local.process import Child

# Before mongod listens there is nothing of it to wait on, so its port is tried again and again.
READY_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 60.0
REPLICA_SET = "rs0"
# MongoDB's codes of these errors.
INVALID_REPLICA_SET_CONFIG = 93  # what a set of one is when its member's port has changed
NOT_YET_INITIALISED = 94


class EmbeddedMongo:
    """mongod in `directory`, which is made when absent and used again when present.

        async with EmbeddedMongo(tmp_path) as mongo:
            client = AsyncMongoClient(mongo.uri)

    `durable=False` does not wait for the journal at each acknowledged write. Raises `LocalError`
    when the program is missing and `ChildDied` when it does not start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        log_file: Path | None = None,
    ) -> None:
        self._directory = directory.absolute()
        self._port = port if port is not None else free_ports(1)[0]
        self._durable = durable
        self.child = Child(
            name="mongod",
            command=self._command(),
            log_file=log_file or self._directory / "mongod.log",
            death_signal=Child.stop_signal,
        )

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._port

    @property
    def uri(self) -> str:
        """Connects to the replica set."""
        return f"mongodb://127.0.0.1:{self._port}/?replicaSet={REPLICA_SET}"

    @property
    def is_new(self) -> bool:
        """Whether `start` will have to make the database files first."""
        return not (self._directory / "data" / "WiredTiger").exists()

    async def start(self) -> None:
        """Starts the server and returns when its only member is primary and takes writes."""
        (self._directory / "data").mkdir(parents=True, exist_ok=True, mode=0o700)
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._until_it_listens()
                await self._until_primary()
        except TimeoutError as error:
            await self.child.stop()
            raise LocalError(f"mongod was not ready in {READY_TIMEOUT_SECONDS:.0f} s") from error

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
        # Room for the journal is taken ahead by 300 MB, which a RAM disk has better uses for.
        frugal = [] if self._durable else ["--wiredTigerEngineConfigString=log=(prealloc=false)"]
        return [
            str(binaries.mongod()),
            f"--dbpath={self._directory / 'data'}",
            f"--port={self._port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            f"--replSet={REPLICA_SET}",
            "--oplogSize=128",
            "--wiredTigerCacheSizeGB=0.25",
            "--setParameter=diagnosticDataCollectionEnabled=false",
            "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",  # nobody to hand over to
            *frugal,
        ]

    async def _until_it_listens(self) -> None:
        while True:
            self.child.require_running()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            await asyncio.sleep(READY_POLL_SECONDS)

    async def _until_primary(self) -> None:
        address = f"mongodb://127.0.0.1:{self._port}/?directConnection=true"
        async with AsyncMongoClient[dict[str, Any]](address) as client:
            await self._found_or_move(client)
            # mongod answers this `hello` the moment its state changes, so nothing is polled.
            answer = await client.admin.command("hello")
            while not answer["isWritablePrimary"]:
                answer = await client.admin.command(
                    "hello", topologyVersion=answer["topologyVersion"], maxAwaitTimeMS=1_000
                )

    async def _found_or_move(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """Founds the replica set on its first day; tells it its new port when that has changed."""
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code == NOT_YET_INITIALISED:
                await client.admin.command("replSetInitiate", self._membership(version=1))
            elif error.code == INVALID_REPLICA_SET_CONFIG:
                stored = await client.local["system.replset"].find_one() or {"version": 1}
                moved = self._membership(version=stored["version"] + 1)
                await client.admin.command("replSetReconfig", moved, force=True)
            else:
                raise

    def _membership(self, version: int) -> dict[str, Any]:
        return {
            "_id": REPLICA_SET,
            "version": version,
            "members": [{"_id": 0, "host": f"127.0.0.1:{self._port}"}],
            "writeConcernMajorityJournalDefault": self._durable,
        }
