"""Two replicas of the order service, each with connections of its own, over one database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import grpc
import pytest
import pytest_asyncio

from server.kit import postgres
from server.order.app import registrations
from server.settings import Postgres
from tests.server.conftest import Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door
from tests.server.tokens import TOKENS


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def replicas(
    order_database: Postgres, serve: Serve, shared_users: FakeUsers, accounts: FakeAccounts
) -> AsyncIterator[Sequence[grpc.aio.Channel]]:
    """Channels to both."""
    async with AsyncExitStack() as stack:
        channels = []
        for _ in range(2):
            pool = await stack.enter_async_context(postgres.connected(order_database))
            services = registrations(pool, shared_users, lambda: None, SHOP_CURRENCY, TOKENS)
            channels.append(await stack.enter_async_context(serve(services, accounts)))
        yield channels


@pytest.fixture
def buyers(replicas: Sequence[grpc.aio.Channel], token: Token, ann: Door) -> Sequence[Door]:
    """The same customer at each replica."""
    return [Door(each, token("CUSTOMER", ann.user_id), ann.user_id) for each in replicas]
