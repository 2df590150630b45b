"""Controls: with a defence switched off, what it defends against happens, and is seen."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpcore
import pytest_asyncio

from server.kit import postgres
from server.kit.postgres import Pool
from server.order.neighbours.receivers import GuardedNetwork
from server.settings import Postgres
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.conftest import FakeAccounts
from tests.server.order.doors import Door, cancel
from tests.server.order.webhooks.conftest import (
    CANCELLED,
    FAST,
    PLACED,
    deliveries,
    ordered,
    running,
    subscribed,
)
from tests.server.order.webhooks.receiver import Post, Receiver, http
from tests.server.order.webhooks.test_reach import Names, only_public, posted
from tests.waiting import until


@pytest_asyncio.fixture
async def own_database(new_database: NewDatabase) -> Postgres:
    return await new_database("order")


@pytest_asyncio.fixture
async def own_pool(own_database: Postgres) -> AsyncIterator[Pool]:
    async with postgres.connected(own_database) as pool:
        yield pool


async def test_without_places_of_their_own_slow_receivers_hold_up_the_others(
    own_database: Postgres, own_pool: Pool, serve: Serve, accounts: FakeAccounts, token: Token
) -> None:
    let_go, came_before = asyncio.Event(), []

    async def slow(_: Post) -> bytes:
        await let_go.wait()
        return http(200)

    async def notes(_: Post) -> bytes:
        came_before.append(not let_go.is_set())
        return http(200)

    pace = replace(FAST, places=1, slow=3_600.0)
    async with (
        running(own_database, own_pool, serve, accounts, pace=pace) as channel,
        Receiver(answer=slow) as slow_one,
        Receiver(answer=notes) as other,
    ):
        admin = Door(channel, token("ADMIN"))
        await subscribed(admin, slow_one, PLACED)
        await ordered(admin)

        async def is_held() -> bool:
            return bool(slow_one.posts)

        await until(is_held, timeout_seconds=30)
        webhook = await subscribed(admin, other, CANCELLED)
        await admin("CancelOrder", cancel(await ordered(admin)))

        async def waits() -> bool:
            return bool(await deliveries(admin, webhook))

        await until(waits, timeout_seconds=30)
        let_go.set()

        async def arrived() -> bool:
            return bool(came_before)

        await until(arrived, timeout_seconds=30)
        assert came_before == [False], "it waited for the slow one"


async def test_without_their_order_deliveries_overtake_one_another(
    admin: Door, receiver: Receiver, posting_pool: Pool
) -> None:
    first = asyncio.Event()

    async def refuses_the_first(post: Post) -> bytes:
        is_first = post.event["type"] == PLACED and not first.is_set()
        if is_first:
            await posting_pool.execute("UPDATE webhook_deliveries SET in_order = false")
            first.set()
        return http(500 if post.event["type"] == PLACED and len(receiver.posts) < 3 else 200)

    receiver.answer = refuses_the_first
    await subscribed(admin, receiver, PLACED, CANCELLED)
    order = await ordered(admin)
    await first.wait()
    await admin("CancelOrder", cancel(order))

    async def overtaken() -> bool:
        versions = [post.event["aggregate_version"] for post in receiver.posts]
        return 2 in versions and versions[-1] == 1

    await until(overtaken, timeout_seconds=30)


class Naive(GuardedNetwork):
    """Judges a name, and has it resolved again to connect: what the defence is not."""

    def __init__(self, names: Names) -> None:
        super().__init__(only_public, names)
        self._names = names

    async def connect_tcp(self, host: str, port: int, *more: Any, **named: Any) -> Any:
        judged = await self._names(host, port)
        if not all(only_public(ipaddress.ip_address(each)) for each in judged):
            raise httpcore.ConnectError("refused")
        [address] = await self._names(host, port)
        return await self._network.connect_tcp(address, port, *more, **named)


async def test_a_check_that_asks_twice_is_deceived(receiver: Receiver) -> None:
    answer = await posted(receiver, Naive(Names(["1.1.1.1"], ["127.0.0.1"])), "rebinding.example")
    assert (answer.status, receiver.connections) == (200, 1)
    guarded = GuardedNetwork(only_public, Names(["127.0.0.1"], ["1.1.1.1"]))
    answer = await posted(receiver, guarded, "rebinding.example")
    assert (answer.status, receiver.connections) == (0, 1)
