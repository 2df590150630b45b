"""A service's own MongoDB database, and what the driver's errors mean.

The one room that knows both drivers: PyMongo's `AsyncMongoClient`, and motor, which reached its
end of life in May 2026 and stays a choice (`MONGODB_DRIVER=motor`). Their collections are called
alike; where they differ, one awaits what the other hands over at once, and `_settled` takes both.

Every write is acknowledged by a majority and every read sees only such writes, so that nothing
which has been told is ever taken back. Every operation has `mongodb_timeout_seconds`, whatever it
meets: without that a stopped server would hold a call for ever.
"""

import asyncio
import inspect
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import pymongo
import structlog
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from emporium.deadline import time_left
from server.kit import errors
from server.settings import Mongo, SettingsError

Document = dict[str, Any]
Session = Any  # of whichever driver; a store only hands it on, as `session=`
Collection = Any  # of whichever driver; see `Database.collection` for what is common to both

T = TypeVar("T")

_log = structlog.get_logger()

_FIRST_DELAY_SECONDS = 0.1
_DELAY_SECONDS_MAX = 2.0
_RETRY_AFTER_SECONDS = 1.0
_PING_TIMEOUT_SECONDS = 0.8
_CONNECT_TIMEOUT_MS = 2_000
# How long an operation waits for a server when none is known to be there.
_AWAY_TIMEOUT_SECONDS = 1.0
# Transactions that met: they try again soon, apart, and not for longer than the call may take.
_FIRST_RETRY_SECONDS = 0.005
_RETRY_SECONDS_MAX = 0.2
_TRY_AGAIN = "TransientTransactionError"
_COMMIT_AGAIN = "UnknownTransactionCommitResult"
_NAMESPACE_EXISTS = 48

_spread = random.SystemRandom()


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
        """Bounds the operations inside, and gives what the driver raises a name for callers.

        When the server is known to be away they fail after a second: whoever called us will try
        again, and should hear what is wrong rather than run out of time. See `translated`.
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

        `work` may run several times, each on a fresh snapshot, when the transaction meets another
        or the server goes away meanwhile; so it does nothing but read and write with its session.
        The driver's last error is raised when the call's time is over. The commit may have
        happened then, so whoever repeats the transaction must make it count once.
        """
        give_up_at = time.monotonic() + time_left(self._timeout_seconds)
        delay = _FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._attempt(work, give_up_at)
            except ServerSelectionTimeoutError:
                raise  # it is away, and trying again is for those who can wait for longer
            except PyMongoError as error:
                if not error.has_error_label(_TRY_AGAIN) or time.monotonic() + delay > give_up_at:
                    raise
            await asyncio.sleep(delay * _spread.uniform(0.5, 1.5))
            delay = min(delay * 2, _RETRY_SECONDS_MAX)

    async def _attempt(self, work: Callable[[Session], Awaitable[T]], give_up_at: float) -> T:
        # Leaving the session ends a transaction that was not committed. That stands outside the
        # time limit: it must be told to the server, or its locks would stay for a minute.
        async with await _settled(self._client.start_session()) as session:
            limit = min(self._seconds(), max(give_up_at - time.monotonic(), 0.001))
            with pymongo.timeout(limit):
                # Concerns come from the transaction, never from the collection.
                await _settled(
                    session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
                )
                result = await work(session)
                await _commit(session, give_up_at)
                return result


async def _commit(session: Session, give_up_at: float) -> None:
    """Commits, and asks again while it is unknown whether the commit has happened."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label(_COMMIT_AGAIN) or time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(_FIRST_RETRY_SECONDS)
        else:
            return


@asynccontextmanager
async def connected(settings: Mongo) -> AsyncIterator[Database]:
    """The database that `settings` name, waiting for the server for a while if it must.

    Raises `Unavailable` when it does not come up within `mongodb_connect_timeout_seconds`, or does
    not let us in, and `SettingsError` for an address that cannot be.
    """
    client = _client(settings)
    try:
        database = Database(client, settings)
        await _until_it_answers(database, settings.mongodb_connect_timeout_seconds)
        yield database
    finally:
        await _settled(client.close())


def _client(settings: Mongo) -> Any:
    # Timeouts in milliseconds, as the drivers and the connection string have them.
    options: dict[str, Any] = {
        "timeoutMS": int(settings.mongodb_timeout_seconds * 1_000),
        "connectTimeoutMS": _CONNECT_TIMEOUT_MS,
        "appname": settings.mongodb_database,
        # With `timeoutMS` the driver would repeat for as long as that. Whoever called us repeats
        # too, five times, and should hear what is wrong rather than run out of time.
        "retryReads": False,
        "retryWrites": False,
    }
    if settings.mongodb_driver == "motor":
        # Imported here, because a process that runs on PyMongo should not carry it.
        from motor.motor_asyncio import AsyncIOMotorClient

        driver: Any = AsyncIOMotorClient
    else:
        driver = pymongo.AsyncMongoClient
    try:
        return driver(settings.mongodb_uri, **options)
    except (ConfigurationError, ValueError) as error:
        # The address itself is not repeated: it may hold a password.
        raise SettingsError(f"MONGODB_URI: {error}") from error


async def _until_it_answers(database: Database, patience_seconds: float) -> None:
    give_up_at = time.monotonic() + patience_seconds
    delay = _FIRST_DELAY_SECONDS
    while True:
        try:
            await database.ping()
        except (ConnectionFailure, OperationFailure) as error:
            # A server on its first day may listen before it knows us, so being refused passes too.
            if time.monotonic() + delay > give_up_at:
                raise errors.Unavailable(f"MongoDB cannot be reached: {_brief(error)}") from error
            _log.warning("mongo.waiting", error=_brief(error), next_try_seconds=delay)
        else:
            return
        await asyncio.sleep(delay)
        delay = min(delay * 2, _DELAY_SECONDS_MAX)


def _brief(error: PyMongoError) -> str:
    """What the driver says, without the state of everything that it adds."""
    return re.split(r", full error| \(configured timeouts", str(error))[0]


async def _settled(value: Any) -> Any:
    """What a driver hands over, awaited if it is that kind of driver."""
    return await value if inspect.isawaitable(value) else value


@contextmanager
def translated() -> Iterator[None]:
    """Gives what the driver raises a name that callers may hear.

    A store translates its own duplicate keys inside this; whatever is neither of them nor the
    server being away goes through, and the caller hears INTERNAL.
    """
    try:
        yield
    except (NetworkTimeout, ExecutionTimeout, WTimeoutError) as error:
        raise errors.DeadlineExceeded("the database took too long") from error
    except ConnectionFailure as error:
        raise errors.Unavailable(
            "the database cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
        ) from error
    except OperationFailure as error:
        if not error.has_error_label(_TRY_AGAIN):
            raise
        raise errors.Conflict("two changes met; try again", retry_after_seconds=0.1) from error
