"""One database, on either driver."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pymongo
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from emporium.deadline import time_left
from server.kit.mongo.transactions import Session, transact
from server.kit.mongo.translation import translated
from server.settings import Mongo

Document = dict[str, Any]
Collection = Any  # of whichever driver; see `Database.collection` for what is common to both

T = TypeVar("T")

_PING_TIMEOUT_SECONDS = 0.8
# How long an operation waits for a server while none is reachable.
_AWAY_TIMEOUT_SECONDS = 1.0
_NAMESPACE_EXISTS = 48


class Database:
    """One database, on either driver."""

    def __init__(self, client: Any, settings: Mongo) -> None:
        self._client = client
        self._timeout_seconds = settings.mongodb_timeout_seconds
        self._database = client.get_database(
            settings.mongodb_database,
            codec_options=CodecOptions(
                tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
            ),
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority"),
        )

    def collection(self, name: str) -> Collection:
        """A collection. What both drivers have in common is awaiting whatever reads or writes one
        answer (`find_one`, `insert_many`, `bulk_write`), and `async for` over `find`.
        """
        return self._database[name]

    async def command(self, *command: Any, **parameters: Any) -> Document:
        """Runs a database command."""
        answer: Document = await self._database.command(*command, **parameters)
        return answer

    async def ensure_collection(self, name: str, schema: Mapping[str, Any]) -> None:
        """Makes the collection, or gives the one that is there `schema` as its validator."""
        validator = {"$jsonSchema": schema}
        try:
            await self.command("create", name, validator=validator)
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            await self.command("collMod", name, validator=validator)

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Bounds the operations inside, and translates the driver's exceptions into ours.

        While no server is reachable they fail after a second: our callers retry, and should get
        UNAVAILABLE rather than run into their deadline. See `translated`.
        """
        with translated(), pymongo.timeout(self._seconds()):
            yield

    def _seconds(self) -> float:
        is_there = self._client.topology_description.has_writable_server()
        wanted = self._timeout_seconds if is_there else _AWAY_TIMEOUT_SECONDS
        return max(time_left(wanted), 0.001)

    async def ping(self) -> None:
        """Raises when the database does not answer."""
        with pymongo.timeout(_PING_TIMEOUT_SECONDS):
            await self.command("ping")

    async def transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Runs `work` in a transaction and commits it with a majority; gives what it gave.

        `work` may run several times, each on a fresh snapshot, when the transaction conflicts
        with another or the server is lost meanwhile; so it only reads and writes with its session.
        The driver's last error is raised when the call's time is over. The commit may have
        happened then, so a caller that repeats the transaction must make it idempotent.
        """
        seconds = time_left(self._timeout_seconds)
        return await transact(self._client, work, self._seconds, seconds)
