"""Whatever becomes of carts, raced over replicas on connections that break: as the model says."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import hypothesis
import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis.stateful import run_state_machine_as_test

from server.kit import postgres
from server.order.app import registrations
from server.order.carts.rules import changes
from tests.effort import Effort
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.carts.shopping import Carts, Shop
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door, new_product
from tests.server.tokens import TOKENS

HISTORIES = 6
STEPS = 15
_SECONDS_MAX = 3_600


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(
    new_database: NewDatabase, serve: Serve, accounts: FakeAccounts, token: Token
) -> AsyncIterator[Shop]:
    """Two replicas over a database of their own."""
    settings = await new_database("order")
    async with AsyncExitStack() as stack:
        channels = []
        for _ in range(2):
            pool = await stack.enter_async_context(postgres.connected(settings))
            services = registrations(pool, FakeUsers(), lambda: None, SHOP_CURRENCY, TOKENS)
            channels.append(await stack.enter_async_context(serve(services, accounts)))

        def person() -> Sequence[Door]:
            user_id = str(uuid.uuid4())
            return [Door(each, token("CUSTOMER", user_id), user_id) for each in channels]

        staff = Door(channels[0], token("STAFF", str(uuid.uuid4())))
        products = [await staff("CreateProduct", new_product()) for _ in range(4)]
        killer = await asyncpg.connect(settings.database_url)
        stack.push_async_callback(killer.close)
        yield Shop(channels, products, killer, asyncio.get_running_loop(), person)


def bound(shop: Shop) -> type[Carts]:
    return type("Bound", (Carts,), {"shop": shop})


def run(shop: Shop, effort: Effort) -> None:
    """Plays histories; raises with the shortest one that differs from the model."""
    run_state_machine_as_test(
        hypothesis.seed(effort.seed)(bound(shop)),
        settings=hypothesis.settings(
            max_examples=effort.times(HISTORIES),
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )


@pytest.mark.timeout(_SECONDS_MAX)
async def test_any_history_comes_to_what_the_model_says(shop: Shop, effort: Effort) -> None:
    await asyncio.to_thread(run, shop, effort)


def merged(carts: Carts) -> None:
    carts.begin()
    visitor = carts.visit()
    carts.put(0, 2)
    carts.put_by_visitor(visitor, 0, 3)
    carts.merge(visitor, 0)
    carts.carts_and_orders_are_what_they_must_be()


async def test_the_model_sees_what_is_lost(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a merge that keeps what was there, and adds nothing to it."""
    await asyncio.to_thread(merged, bound(shop)())

    def kept(own: Any, other: Any) -> Any:
        return own

    monkeypatch.setattr(changes, "_summed", kept)
    with pytest.raises(AssertionError):
        await asyncio.to_thread(merged, bound(shop)())
