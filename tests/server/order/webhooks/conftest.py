"""An order service that posts, in this process, over a database of its own."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest_asyncio
from prometheus_client import CollectorRegistry

from emporium.order.v1 import webhook_service_pb2 as pb
from emporium.order.v1.order_service_pb2 import Order
from server.kit import outbox, postgres
from server.kit.auth.sealing import Sealing
from server.kit.background import Lock, Work
from server.kit.backoff import Backoff
from server.kit.postgres import Pool
from server.order.app import registrations
from server.order.app.webhooks import Line, posting, webhook_registration
from server.order.webhooks.sending import Pace
from server.settings import Postgres, Shop
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door, item, new_product, order_of
from tests.server.order.webhooks.receiver import Receiver
from tests.server.tokens import TOKENS

PLACED, UPDATED = "emporium.order.v1.OrderPlaced", "emporium.order.v1.OrderUpdated"
CANCELLED = "emporium.order.v1.OrderCancelled"
FAST = Pace(
    schedule=(0.05, 0.1, 0.2),
    rest=Backoff(first_seconds=0.05, seconds_max=0.2),
    poll=0.05,
    slow=0.5,
)
SEALING = Sealing(b"k" * 32)
HOME = Shop(webhook_networks="127.0.0.0/8", webhook_http=True)


class Alone:
    """A `Lock` of the only process."""

    async def alone(self, name: str, work: Work) -> None:
        await work()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def posting_database(new_database: NewDatabase) -> Postgres:
    return await new_database("order")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def posting_pool(posting_database: Postgres) -> AsyncIterator[Pool]:
    async with postgres.connected(posting_database) as pool:
        yield pool


@asynccontextmanager
async def running(
    database: Postgres,
    pool: Pool,
    serve: Serve,
    accounts: FakeAccounts,
    *,
    shop: Shop = HOME,
    pace: Pace = FAST,
    lock: Lock | None = None,
) -> AsyncIterator[grpc.aio.Channel]:
    """The service, relaying and posting."""
    line = Line(pool, database.database_url)
    async with AsyncExitStack() as stack:
        wake = await stack.enter_async_context(
            outbox.relaying(
                pool,
                database.database_url,
                [line.destination],
                metrics=outbox.OutboxMetrics(CollectorRegistry()),
                pace=outbox.Pace(gather=0.005, poll=0.05),
            )
        )
        webhooks = await stack.enter_async_context(
            posting(pool, line, wake, SEALING, shop, lock or Alone(), pace)
        )
        services = registrations(pool, FakeUsers(), wake, SHOP_CURRENCY, TOKENS)
        posted = webhook_registration(pool, webhooks, TOKENS)
        yield await stack.enter_async_context(serve((*services, posted), accounts))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def posting_channel(
    posting_database: Postgres, posting_pool: Pool, serve: Serve, accounts: FakeAccounts
) -> AsyncIterator[grpc.aio.Channel]:
    async with running(posting_database, posting_pool, serve, accounts) as channel:
        yield channel


@pytest_asyncio.fixture
async def admin(
    posting_channel: grpc.aio.Channel, posting_pool: Pool, token: Token
) -> AsyncIterator[Door]:
    """An admin; each test has webhooks of its own alone."""
    user_id = str(uuid.uuid4())
    yield Door(posting_channel, token("ADMIN", user_id), user_id)
    for table in ("webhooks", "webhook_deliveries", "webhook_messages"):
        await posting_pool.execute(f"DELETE FROM {table}")


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def subscribed(door: Door, receiver: Receiver, *types: str, **fields: Any) -> pb.Webhook:
    """A webhook at the receiver, for those types, or for placed orders."""
    request = pb.CreateWebhookRequest(
        url=fields.pop("url", receiver.url), event_types=types or (PLACED,), **fields
    )
    webhook: pb.Webhook = await door("CreateWebhook", request)
    return webhook


async def ordered(door: Door) -> Order:
    """An order of a product of its own, which nobody pays."""
    product = await door("CreateProduct", new_product())
    order: Order = await door("CreateOrder", order_of(item(product)))
    return order


async def deliveries(door: Door, webhook: pb.Webhook, **fields: Any) -> list[pb.WebhookDelivery]:
    request = pb.ListWebhookDeliveriesRequest(webhook_id=webhook.id, per_page=100, **fields)
    listed = await door("ListWebhookDeliveries", request)
    return [*listed.deliveries]


async def got(door: Door, webhook: pb.Webhook) -> pb.Webhook:
    found: pb.Webhook = await door("GetWebhook", pb.GetWebhookRequest(webhook_id=webhook.id))
    return found
