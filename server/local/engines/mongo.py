"""A MongoDB of our own: one `mongod`, as a replica set of one, for transactions and streams."""

import asyncio
import secrets
import shutil
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.engines import binaries
from server.local.home.ports import free_ports
from server.local.process.child import Child

# Before mongod listens there is nothing of it to wait on, so its port is tried again and again.
READY_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 60.0
REPLICA_SET = "rs0"
ADMIN = "admin"
# MongoDB's code of the error of a member whose port has changed.
INVALID_REPLICA_SET_CONFIG = 93
Client = AsyncMongoClient[dict[str, Any]]


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
        self._founded = self._directory / "founded"
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
        """Connects to the replica set as its admin."""
        who = f"{ADMIN}:{self._secret('password')}"
        return f"mongodb://{who}@127.0.0.1:{self._port}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Starts the server and returns when its only member is primary and takes writes."""
        data = self._directory / "data"
        if not self._founded.exists():
            # A founding that was broken off: nobody could store anything yet, so begin anew.
            shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._secret("key")
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._until_it_listens()
                await self.child.while_running(self._until_primary())
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
        # Room for the journal is taken ahead by 300 MB, which a RAM disk has better uses for.
        frugal = [] if self._durable else ["--wiredTigerEngineConfigString=log=(prealloc=false)"]
        return [
            str(binaries.mongod()),
            f"--dbpath={self._directory / 'data'}",
            f"--port={self._port}",
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            f"--replSet={REPLICA_SET}",
            f"--keyFile={self._directory / 'key'}",  # switches on that everybody must sign in
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
        if not self._founded.exists():
            await self._found()
        async with self._client(username=ADMIN, password=self._secret("password")) as client:
            try:
                await client.admin.command("replSetGetStatus")
            except OperationFailure as error:
                if error.code != INVALID_REPLICA_SET_CONFIG:
                    raise
                await self._move(client)
            await _elected(client)

    async def _found(self) -> None:
        """Makes the replica set and its admin.

        As long as there is no user, mongod lets those in who come from this machine.
        """
        async with self._client() as client:
            await client.admin.command("replSetInitiate", self._membership(version=1))
            await _elected(client)
            password = self._secret("password")
            await client.admin.command("createUser", ADMIN, pwd=password, roles=["root"])
        self._founded.touch()

    async def _move(self, client: Client) -> None:
        """Tells the replica set the new port of its only member."""
        stored = await client.local["system.replset"].find_one() or {"version": 1}
        moved = self._membership(version=stored["version"] + 1)
        await client.admin.command("replSetReconfig", moved, force=True)

    def _client(self, **credentials: Any) -> Client:
        return AsyncMongoClient("127.0.0.1", self._port, directConnection=True, **credentials)

    def _secret(self, name: str) -> str:
        """The admin's `password`, or the `key` by which members know each other; made once."""
        file = self._directory / name
        if not file.exists():
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(24), encoding="ascii")
        return file.read_text(encoding="ascii")

    def _membership(self, version: int) -> dict[str, Any]:
        return {
            "_id": REPLICA_SET,
            "version": version,
            "members": [{"_id": 0, "host": f"127.0.0.1:{self._port}"}],
            "writeConcernMajorityJournalDefault": self._durable,
        }


async def _elected(client: Client) -> None:
    """Waits until the server is primary. It answers this `hello` the moment its state changes."""
    answer = await client.admin.command("hello")
    while not answer["isWritablePrimary"]:
        answer = await client.admin.command(
            "hello", topologyVersion=answer["topologyVersion"], maxAwaitTimeMS=1_000
        )
