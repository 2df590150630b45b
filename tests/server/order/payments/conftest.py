"""Two replicas of the order service that take payments, over one database and one sandbox."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, NamedTuple

import grpc
import pytest
import pytest_asyncio

from emporium.order.v1.order_service_pb2 import NewOrderItem, Order
from server.kit import postgres
from server.kit.postgres import Pool
from server.order.app import order_store, registrations, watching
from server.order.app.payments import Payments, paying
from server.settings import Postgres, Shop
from tests.server.conftest import Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers, Wakes
from tests.server.order.doors import Door, order_of
from tests.server.order.payments.sandboxes import SECRET, SandboxProcess
from tests.server.tokens import TOKENS

TIMEOUT_SECONDS = 1.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    await process.start()
    yield process
    await process.kill()


@pytest.fixture(scope="session")
def payment_settings(sandbox: SandboxProcess) -> Shop:
    return Shop(
        sandbox_url=sandbox.url,
        sandbox_secret=SECRET,
        payment_timeout_seconds=TIMEOUT_SECONDS,
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def paying_parts(
    order_pool: Pool, wakes: Wakes, payment_settings: Shop
) -> AsyncIterator[Payments]:
    async with paying(order_pool, order_store(order_pool, wakes), payment_settings) as payments:
        yield payments


class Replica(NamedTuple):
    """An order service that takes payments, with connections of its own."""

    channel: grpc.aio.Channel
    pool: Pool
    payments: Payments


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def services(
    order_database: Postgres,
    payment_settings: Shop,
    serve: Serve,
    shared_users: FakeUsers,
    accounts: FakeAccounts,
) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            pool = await stack.enter_async_context(postgres.connected(order_database))
            live = await stack.enter_async_context(watching(pool, order_database.database_url))
            orders = order_store(pool, lambda: None, live.tell)
            payments = await stack.enter_async_context(paying(pool, orders, payment_settings))
            served = registrations(
                pool,
                shared_users,
                lambda: None,
                SHOP_CURRENCY,
                TOKENS,
                live,
                payments=payments,
            )
            channel = await stack.enter_async_context(serve(served, accounts))
            made.append(Replica(channel, pool, payments))
        yield made


@pytest.fixture(scope="session")
def replicas(services: Sequence[Replica]) -> Sequence[grpc.aio.Channel]:
    """Channels to both."""
    return [each.channel for each in services]


@pytest.fixture
def ann(replicas: Sequence[grpc.aio.Channel], token: Token) -> Door:
    """A customer."""
    user_id = str(uuid.uuid4())
    return Door(replicas[0], token("CUSTOMER", user_id), user_id)


@pytest.fixture
def anns(replicas: Sequence[grpc.aio.Channel], token: Token, ann: Door) -> Sequence[Door]:
    """The same customer at each replica."""
    return [Door(each, token("CUSTOMER", ann.user_id), ann.user_id) for each in replicas]


@pytest.fixture
def bob(replicas: Sequence[grpc.aio.Channel], token: Token) -> Door:
    """Another customer."""
    user_id = str(uuid.uuid4())
    return Door(replicas[0], token("CUSTOMER", user_id), user_id)


@pytest.fixture
def staff(replicas: Sequence[grpc.aio.Channel], token: Token) -> Door:
    user_id = str(uuid.uuid4())
    return Door(replicas[1], token("STAFF", user_id), user_id)


@pytest_asyncio.fixture
async def order(staff: Door, ann: Door) -> Order:
    """Ann's order of 10.00."""
    return await ordered(staff, ann.user_id)


async def ordered(staff: Door, user_id: str, price: str = "10.00", **fields: Any) -> Order:
    line = NewOrderItem(product_name="Mug", unit_price=price, quantity=1)
    placed: Order = await staff("CreateOrder", order_of(line, user_id=user_id, **fields))
    return placed


@pytest_asyncio.fixture(autouse=True)
async def _balanced(order_pool: Pool, sandbox: SandboxProcess) -> AsyncIterator[None]:
    """After each test the ledger adds up, and explains every state that the test has made."""
    before = await unexplained(order_pool)
    yield
    assert await order_pool.fetchval("SELECT coalesce(sum(amount), 0) FROM ledger_entries") == 0
    assert await unexplained(order_pool) - before == set()


async def unexplained(pool: Pool) -> set[uuid.UUID]:
    """Payments that the ledger does not explain, and orders that their payments do not."""
    payments = await pool.fetch("""
        SELECT id FROM payments WHERE captured - refunded <> (
            SELECT coalesce(sum(amount), 0) FROM ledger_entries
            WHERE payment_id = payments.id AND account = 'PROVIDER_BALANCE'
        )
    """)
    orders = await pool.fetch("""
        SELECT id FROM orders WHERE (payments_pending, authorized, captured, refunded) <> (
            SELECT coalesce(sum(amount) FILTER (WHERE status = 'PENDING'), 0),
                   coalesce(sum(amount) FILTER (WHERE status = 'AUTHORIZED'), 0),
                   coalesce(sum(captured), 0), coalesce(sum(refunded), 0)
            FROM payments WHERE order_id = orders.id
        ) AND (captured > 0 OR total_price > 0 OR status = 'PENDING')
    """)
    return {row["id"] for row in (*payments, *orders)}


async def as_the_provider_says(pool: Pool, sandbox: SandboxProcess, order_id: str) -> bool:
    """Whether of an order's payments provider and ledger say the same."""
    found = await pool.fetch(
        """
        SELECT id::text, status, (
            SELECT coalesce(sum(amount), 0) FROM ledger_entries
            WHERE payment_id = payments.id AND account = 'PROVIDER_BALANCE' AND provider = 'sandbox'
        ) AS balance FROM payments WHERE order_id = $1 AND provider = 'sandbox'
        """,
        order_id,
    )
    charges = await sandbox.charges()
    nothing = {"captured": "0", "refunded": "0", "held": "0"}
    for row in found:
        known = charges.get(row["id"], nothing)
        if Decimal(known["captured"]) - Decimal(known["refunded"]) != row["balance"]:
            return False
        if bool(Decimal(known["held"])) != (row["status"] == "AUTHORIZED"):
            return False
    return True
