"""Opens a service's database when it starts."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pymongo
import pymongo.ssl_support
import structlog
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError

from server.kit import errors
from server.kit.backoff import Backoff
from server.kit.mongo.database import Database
from server.kit.mongo.settled import settled
from server.kit.mongo.tls_files import TlsFiles
from server.kit.telemetry import brief
from server.settings import Mongo, SettingsError

_log = structlog.get_logger()

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=2.0)
_CONNECT_TIMEOUT_MS = 2_000
_NOT_LET_IN = "Authentication failed"  # how the server says so, whichever error it comes in
# The same: for a user who is not there the drivers fall back on a mechanism that is switched off.
_NOBODY = "mechanism SCRAM-SHA-1 which is not enabled"


@asynccontextmanager
async def connected(settings: Mongo) -> AsyncIterator[Database]:
    """The database that `settings` name, waiting for the server for a while if it must.

    Raises `Unavailable` when it does not come up within `mongodb_connect_timeout_seconds`, or
    refuses the login, and `SettingsError` for an invalid address.
    """
    async with opened(settings) as database:
        await _until_it_answers(database, settings.mongodb_connect_timeout_seconds)
        yield database


@asynccontextmanager
async def opened(settings: Mongo) -> AsyncIterator[Database]:
    """The database that `settings` name, whether its server can be reached or not.

    For a service that has work without it. Raises `SettingsError` for an invalid address.
    """
    files = TlsFiles(settings.mongodb_uri)
    client = _client(settings, files)
    files.follow_for(client)
    try:
        yield Database(client, settings)
    finally:
        await settled(client.close())


def _client(settings: Mongo, files: TlsFiles) -> Any:
    # Timeouts in milliseconds, as the drivers and the connection string take them.
    options: dict[str, Any] = {
        "timeoutMS": int(settings.mongodb_timeout_seconds * 1_000),
        "connectTimeoutMS": _CONNECT_TIMEOUT_MS,
        "appname": settings.mongodb_database,
        # With `timeoutMS` the driver would retry until then. Our callers retry too, five times, and
        # should get UNAVAILABLE rather than run into their deadline.
        "retryReads": False,
        "retryWrites": False,
        "event_listeners": [files],
    }
    if settings.mongodb_driver == "motor":
        # Imported here, so that a process that runs on PyMongo does not load it.
        from motor.motor_asyncio import AsyncIOMotorClient

        # Or it would take PyOpenSSL where that happens to be installed, whose contexts take no new
        # files when they are in use. PyMongo's own client never does.
        pymongo.ssl_support.HAVE_PYSSL = False
        driver: Any = AsyncIOMotorClient
    else:
        driver = pymongo.AsyncMongoClient
    try:
        with warnings.catch_warnings():
            # Of an option that it does not know the driver only warns, and repeats it.
            warnings.simplefilter("error", UserWarning)
            return driver(settings.mongodb_uri, **options)
    except (ConfigurationError, ValueError, UserWarning):
        raise SettingsError("MONGODB_URI cannot be read as the address of a MongoDB") from None
    except OSError:  # `ssl.SSLError` is one
        raise SettingsError("MONGODB_URI names a file for TLS that cannot be used") from None


async def _until_it_answers(database: Database, timeout_seconds: float) -> None:
    retries = _BACKOFF.retries(timeout_seconds)
    while True:
        try:
            await database.ping()
        except (ConnectionFailure, OperationFailure) as error:
            # A server that is being set up may listen before our role exists: that is retried too.
            delay = retries.failed()
            if delay is None:
                raise errors.Unavailable(f"MongoDB cannot be reached: {_why(error)}") from error
            _log.warning("mongo.waiting", error=_why(error), next_try_seconds=round(delay, 3))
        else:
            return
        await asyncio.sleep(delay)


def _why(error: PyMongoError) -> str:
    """Why nobody answered, without the driver's words, which repeat parts of the address."""
    said = str(error)
    return _NOT_LET_IN if _NOT_LET_IN in said or _NOBODY in said else brief(error)
