"""An order service, in this process, over a real database; only its neighbours are fakes."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import grpc
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from emporium.order.v1.catalog_service_pb2 import Product
from server.kit import errors, postgres
from server.kit.audit.writer import AuditWriter
from server.kit.context import Caller, Role
from server.kit.postgres import Pool
from server.order.app import order_store, registrations, watching
from server.order.app.auditing import audit_sink
from server.order.app.webhooks import webhook_registration, webhooks_of
from server.order.audit.store import PostgresWaiting
from server.order.catalog.store.products import PostgresCatalogStore
from server.order.events import products as product_events
from server.order.neighbours import Buyer, BuyerNotFound
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Postgres
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.doors import Door, new_product
from tests.server.tokens import TOKENS

SHOP_CURRENCY = "GBP"


@dataclass
class FakeUsers:
    """A directory of the buyers that a test sets."""

    buyers: dict[str, Buyer] = field(default_factory=dict)
    is_away: bool = False
    calls: int = 0  # for many at once

    async def get(self, user_id: str) -> Buyer:
        if self.is_away:
            raise errors.Unavailable("the user service cannot be reached", retry_after_seconds=1)
        if user_id not in self.buyers:
            raise BuyerNotFound(f"user {user_id} does not exist")
        return self.buyers[user_id]

    async def get_many(self, user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        self.calls += 1
        if self.is_away:
            raise errors.Unavailable("the user service cannot be reached", retry_after_seconds=1)
        return {each: self.buyers[each] for each in user_ids if each in self.buyers}


@dataclass
class FakeAccounts:
    """Knows of the accounts that it is told of, and believes the tokens of all others."""

    roles: dict[str, Role | None] = field(default_factory=dict)  # None: deleted or disabled

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        role = self.roles.get(caller.id, caller.role)
        if role is None:
            raise errors.AccountInactive("the account was deleted or disabled")
        return replace(caller, role=role)


@dataclass
class Wakes:
    """Counts how often it is called."""

    count: int = 0

    def __call__(self) -> None:
        self.count += 1


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def order_database(new_database: NewDatabase) -> Postgres:
    """A fresh, migrated order database."""
    return await new_database("order")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def order_pool(order_database: Postgres) -> AsyncIterator[Pool]:
    """Connections to it. Tests share it, so each makes products and orders of its own."""
    async with postgres.connected(order_database) as pool:
        yield pool


@pytest.fixture(scope="session")
def wakes() -> Wakes:
    return Wakes()


@pytest.fixture(scope="session")
def catalog(order_pool: Pool, wakes: Wakes) -> PostgresCatalogStore:
    return PostgresCatalogStore(order_pool, encode=product_events.to_outbox, wake=wakes)


@pytest.fixture(scope="session")
def orders(order_pool: Pool, wakes: Wakes) -> PostgresOrderStore:
    return order_store(order_pool, wakes)


@pytest.fixture
def users(shared_users: FakeUsers) -> FakeUsers:
    """The user service, empty and at home."""
    shared_users.buyers.clear()
    shared_users.is_away = False
    shared_users.calls = 0
    return shared_users


@pytest.fixture(scope="session")
def shared_users() -> FakeUsers:
    return FakeUsers()


@pytest.fixture(scope="session")
def accounts() -> FakeAccounts:
    return FakeAccounts()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def order_channel(
    order_database: Postgres,
    order_pool: Pool,
    wakes: Wakes,
    shared_users: FakeUsers,
    accounts: FakeAccounts,
    serve: Serve,
    audit: AuditWriter,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the running service."""
    async with watching(order_pool, order_database.database_url) as live:
        services = registrations(order_pool, shared_users, wakes, SHOP_CURRENCY, TOKENS, live)
        webhooks = webhook_registration(order_pool, webhooks_of(order_pool, wakes), TOKENS)
        async with serve((*services, webhooks), accounts, audit_sink(audit)) as channel:
            yield channel


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def audit(order_pool: Pool) -> AuditWriter:
    """What gathers audit records; a test that reads those that wait flushes it before."""
    append = PostgresWaiting(order_pool).append
    return AuditWriter(append, window_seconds=0, registry=CollectorRegistry())


@pytest.fixture
def anyone(order_channel: grpc.aio.Channel) -> Door:
    return Door(order_channel)


@pytest.fixture
def ann(order_channel: grpc.aio.Channel, token: Token) -> Door:
    """A customer."""
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("CUSTOMER", user_id), user_id)


@pytest.fixture
def bob(order_channel: grpc.aio.Channel, token: Token) -> Door:
    """Another customer."""
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("CUSTOMER", user_id), user_id)


@pytest.fixture
def staff(order_channel: grpc.aio.Channel, token: Token) -> Door:
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("STAFF", user_id), user_id)


@pytest_asyncio.fixture
async def mug(staff: Door) -> Product:
    """A product at 2.55."""
    product: Product = await staff("CreateProduct", new_product())
    return product
