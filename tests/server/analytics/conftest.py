"""Fresh, migrated analytics databases on the session's MongoDB, and a service over one of them."""

import itertools
import string
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import grpc
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from server.analytics.app import audit_sink, registrations
from server.analytics.audit.store import MongoWaiting
from server.analytics.behaviour.store import MongoEventStore
from server.analytics.migrations import mongo as migrations
from server.analytics.sales.store import MongoSalesStore
from server.kit import mongo as kit_mongo
from server.kit.audit.writer import AuditWriter
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo
from tests.server.analytics.doors import Door, DoorOf
from tests.server.conftest import Serve, Token
from tests.server.kit.ping import Believing

NewMongo = Callable[[str], Awaitable[Mongo]]
NewCurrency = Callable[[], str]


@pytest.fixture(scope="session")
def new_mongo(mongo: EmbeddedMongo) -> NewMongo:
    """`await new_mongo("motor")`: settings of a fresh, migrated database, on that driver."""

    async def create(driver: str) -> Mongo:
        name = f"emporium_analytics_{uuid.uuid4().hex[:8]}"
        await migrations.upgrade(mongo.uri, name)
        assert driver in ("pymongo", "motor")
        return Mongo(
            mongodb_uri=mongo.uri,
            mongodb_database=name,
            mongodb_driver="motor" if driver == "motor" else "pymongo",
        )

    return create


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["pymongo", "motor"])
async def database(
    request: pytest.FixtureRequest, new_mongo: NewMongo
) -> AsyncIterator[kit_mongo.Database]:
    """A connected database, once on either driver."""
    async with kit_mongo.connected(await new_mongo(request.param)) as connected:
        yield connected


@pytest.fixture(scope="session")
def sales(database: kit_mongo.Database) -> MongoSalesStore:
    """The store under test; other tests use it too, so each sells in currencies of its own."""
    return MongoSalesStore(database)


@pytest.fixture(scope="session")
def events(database: kit_mongo.Database) -> MongoEventStore:
    """The store under test."""
    return MongoEventStore(database)


@pytest.fixture(scope="session")
def new_currency() -> NewCurrency:
    """`new_currency()`: a currency in which nothing has been sold yet."""
    letters: Iterator[tuple[str, ...]] = itertools.product(string.ascii_uppercase, repeat=3)
    return lambda: "".join(next(letters))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(new_mongo: NewMongo) -> AsyncIterator[kit_mongo.Database]:
    """The running service's own database."""
    async with kit_mongo.connected(await new_mongo("pymongo")) as connected:
        yield connected


@pytest.fixture(scope="session")
def waiting(served: kit_mongo.Database) -> MongoWaiting:
    """The audit records of the running service."""
    return MongoWaiting(served)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def audit(waiting: MongoWaiting) -> AuditWriter:
    """What gathers them; a test that reads those that wait flushes it before."""
    return AuditWriter(waiting.append, window_seconds=0, registry=CollectorRegistry())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def channel(
    served: kit_mongo.Database, waiting: MongoWaiting, audit: AuditWriter, serve: Serve
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a running service."""
    services = registrations(served, "ZMW")
    async with serve(services, Believing(), audit_sink(audit, waiting)) as opened:
        yield opened


@pytest.fixture
def door(channel: grpc.aio.Channel, token: Token) -> DoorOf:
    """`door("STAFF")`: the service as that role sees it; `door(None)`: without a token."""
    return lambda role, *user_id: Door(channel, token(role, *user_id) if role else None)
