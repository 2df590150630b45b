"""The replica set of an embedded mongod: one member, which this makes and awaits as primary."""

from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from server.local.engines.mongo_files import ADMIN, REPLICA_SET, MongoFiles

# MongoDB's code of the error of a member whose port has changed.
INVALID_REPLICA_SET_CONFIG = 93
Client = AsyncMongoClient[dict[str, Any]]


async def await_primary(directory: Path, port: int, durable: bool) -> None:
    """Returns when the mongod that listens on `port`, with its files in `directory`, is primary.

    The first time it makes the replica set and its admin; after a change of port it reconfigures.
    """
    files = MongoFiles(directory)
    if not files.initialised.exists():
        await _initialise(files, port, durable)
    async with _client(port, username=ADMIN, password=files.password()) as client:
        try:
            await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != INVALID_REPLICA_SET_CONFIG:
                raise
            await _reconfigure(client, port, durable)
        await _elected(client)


async def _initialise(files: MongoFiles, port: int, durable: bool) -> None:
    """Makes the replica set and its admin.

    As long as there is no user, mongod accepts clients on this machine without a password.
    """
    async with _client(port) as client:
        await client.admin.command("replSetInitiate", _configuration(port, durable, version=1))
        await _elected(client)
        await client.admin.command("createUser", ADMIN, pwd=files.password(), roles=["root"])
    files.initialised.touch()


async def _reconfigure(client: Client, port: int, durable: bool) -> None:
    """Changes the port of the replica set's only member."""
    stored = await client.local["system.replset"].find_one() or {"version": 1}
    moved = _configuration(port, durable, version=stored["version"] + 1)
    await client.admin.command("replSetReconfig", moved, force=True)


def _client(port: int, **credentials: Any) -> Client:
    return AsyncMongoClient("127.0.0.1", port, directConnection=True, **credentials)


def _configuration(port: int, durable: bool, version: int) -> dict[str, Any]:
    return {
        "_id": REPLICA_SET,
        "version": version,
        "members": [{"_id": 0, "host": f"127.0.0.1:{port}"}],
        "writeConcernMajorityJournalDefault": durable,
    }


async def _elected(client: Client) -> None:
    """Waits until the server is primary. It answers this `hello` the moment its state changes."""
    answer = await client.admin.command("hello")
    while not answer["isWritablePrimary"]:
        answer = await client.admin.command(
            "hello", topologyVersion=answer["topologyVersion"], maxAwaitTimeMS=1_000
        )
