"""A user service, in this process, over a real database."""

import gc
import uuid
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import grpc
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from server.kit import auth, postgres
from server.kit import mongo as kit_mongo
from server.kit.audit.writer import AuditWriter
from server.kit.context import Role
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.revocations import Revocations
from server.local.engines.mongo import EmbeddedMongo
from server.local.home.ports import free_ports
from server.settings import Mongo, Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.app import audit_sink, registrations
from server.user.app.callers import feed_in, keep_seconds, standings
from server.user.audit.store import PostgresAuditStore
from server.user.events.encoding import to_outbox
from server.user.migrations import mongo as migrations
from server.user.passwords.hashing import hashing
from server.user.revocations.feed import Feed
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.user.doors import Door
from tests.server.user.samples import HASH, opened

SignedIn = Callable[[Role], Awaitable[Door]]

Served = Callable[[Tokens], AbstractAsyncContextManager[Door]]

CHEAPEST_BCRYPT = 4


@dataclass
class Wakes:
    """Counts how often it is called."""

    count: int = 0

    def __call__(self) -> None:
        self.count += 1


@dataclass
class Clock:
    """The service's time, which tests move."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_pool(new_database: NewDatabase) -> AsyncIterator[Pool]:
    """Connections to a fresh, migrated user database."""
    async with postgres.connected(await new_database("user")) as pool:
        yield pool


def unheard(pool: Pool) -> Feed:
    """A feed that no process reads: what it holds of an account is asked for with each call."""
    return feed_in(pool, Revocations(), keep_seconds(Tokens()))


async def new_sessions_database(
    mongo: EmbeddedMongo, driver: Literal["pymongo", "motor"] = "pymongo"
) -> Mongo:
    """Settings of a fresh, migrated database for sessions."""
    name = f"emporium_user_{uuid.uuid4().hex[:8]}"
    await migrations.upgrade(mongo.uri, name)
    return Mongo(mongodb_uri=mongo.uri, mongodb_database=name, mongodb_driver=driver)


@asynccontextmanager
async def unreachable_mongo() -> AsyncIterator[Database]:
    """A database on a server that is not there."""
    nowhere = Mongo(
        mongodb_uri=f"mongodb://127.0.0.1:{free_ports(1)[0]}", mongodb_database="emporium_user"
    )
    # PyMongo leaves a socket open when it is closed while it connects. Nobody else's test is to
    # find it.
    gc.disable()
    try:
        async with kit_mongo.opened(nowhere) as database:
            yield database
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    finally:
        gc.enable()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_mongo_settings(mongo: EmbeddedMongo) -> Mongo:
    """Those of a fresh, migrated database for sessions."""
    return await new_sessions_database(mongo)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_mongo(user_mongo_settings: Mongo) -> AsyncIterator[Database]:
    """A connection to that."""
    async with kit_mongo.connected(user_mongo_settings) as connected:
        yield connected


@pytest.fixture(scope="session")
def wakes() -> Wakes:
    return Wakes()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store(user_pool: Pool, wakes: Wakes) -> PostgresUserStore:
    """The store under test; other tests use it too, so each makes accounts of its own."""
    return PostgresUserStore(user_pool, encode=to_outbox, wake=wakes)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def user_channel(
    user_pool: Pool,
    user_mongo: Database,
    wakes: Wakes,
    signer: auth.Signer,
    serve: Serve,
    audit: AuditWriter,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running service."""
    async with (
        hashing(CHEAPEST_BCRYPT, 2) as hasher,
        standings(user_pool, unheard(user_pool)) as accounts,
        serve(
            registrations(user_pool, user_mongo, hasher, signer, wakes, accounts, Tokens()),
            accounts,
            audit_sink(audit),
        ) as channel,
    ):
        yield channel


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def audit(user_pool: Pool) -> AuditWriter:
    """What gathers the audit log's records; a test that reads the log flushes it before."""
    store = PostgresAuditStore(user_pool)
    return AuditWriter(store.append, window_seconds=0, registry=CollectorRegistry())


@pytest.fixture
def clock() -> Clock:
    """What services of `served` go by."""
    return Clock()


@pytest.fixture
def served(
    user_pool: Pool, user_mongo: Database, signer: auth.Signer, serve: Serve, clock: Clock
) -> Served:
    """`async with served(settings) as anyone`: one more replica of the service."""

    @asynccontextmanager
    async def start(tokens: Tokens) -> AsyncIterator[Door]:
        async with (
            hashing(CHEAPEST_BCRYPT, 2) as hasher,
            standings(user_pool, unheard(user_pool)) as accounts,
            serve(
                registrations(
                    user_pool,
                    user_mongo,
                    hasher,
                    signer,
                    lambda: None,
                    accounts,
                    tokens,
                    now=clock,
                ),
                accounts,
            ) as channel,
        ):
            yield Door(channel)

    return start


@pytest.fixture
def anyone(user_channel: grpc.aio.Channel) -> Door:
    """A caller without a token."""
    return Door(user_channel)


@pytest.fixture
def signed_in(user_channel: grpc.aio.Channel, store: PostgresUserStore, token: Token) -> SignedIn:
    """`await signed_in(Role.ADMIN)`: somebody with an account of that role, and a token of it.

    An admin is one who can act, so that another may cease to be one.
    """

    async def make(role: Role) -> Door:
        new = opened(role=role)
        await store.create(new, HASH, None, b"")
        return Door(user_channel, token(role.value, new.user.id), new.user.id)

    return make


@pytest_asyncio.fixture
async def admin_door(signed_in: SignedIn) -> Door:
    """An admin."""
    return await signed_in(Role.ADMIN)


@pytest_asyncio.fixture
async def staff(signed_in: SignedIn) -> Door:
    """Somebody of the staff."""
    return await signed_in(Role.STAFF)
