"""What watchers get of an order, and what they cost the database."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest
import pytest_asyncio

from server.kit import errors
from server.kit.postgres import Pool
from server.order.app import order_store
from server.order.orders import feed as module
from server.order.orders.feed import OrderFeed
from server.order.orders.rules import Edit, Order, OrderNotFound, Status, deleted, edited
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.samples import act, line, placed

Stream = AsyncGenerator[Order, None]


class Counting:
    """The store, which counts what a feed reads."""

    def __init__(self, store: PostgresOrderStore) -> None:
        self._store = store
        self.reads: list[int] = []  # of how many orders each
        self.is_away = False

    async def get(self, order_id: str, owner_scope: str | None) -> Order:
        return await self._store.get(order_id, owner_scope)

    async def etags(self, order_ids: Sequence[str]) -> Mapping[str, str]:
        if self.is_away:
            raise errors.Unavailable("the database cannot be reached")
        self.reads.append(len(order_ids))
        return await self._store.etags(order_ids)

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        self.reads.append(len(order_ids))
        return await self._store.get_many(order_ids)


@asynccontextmanager
async def running(feed: OrderFeed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


@pytest.fixture
def counting(orders: PostgresOrderStore) -> Counting:
    return Counting(orders)


@pytest_asyncio.fixture
async def feed(counting: Counting) -> AsyncIterator[OrderFeed]:
    made = OrderFeed(counting)
    async with running(made):
        yield made


@pytest.fixture
def telling(order_pool: Pool, feed: OrderFeed) -> PostgresOrderStore:
    """A store of this process, which tells the feed."""
    return order_store(order_pool, lambda: None, lambda each: feed.heard((each,)))


async def new(store: PostgresOrderStore) -> Order:
    given = placed(line())
    await store.create(given, None, b"")
    return given.order


async def move(store: PostgresOrderStore, order: Order, status: Status) -> Order:
    return await store.update(
        order.id, None, lambda was: edited(was, Edit({"status": status}, ""), act())
    )


def watch(feed: OrderFeed, order: Order, after: str = "", scope: str | None = None) -> Stream:
    return feed.after(order.id, scope, after, has_end=True)


async def test_an_order_is_sent_as_it_is_and_whenever_it_has_changed(
    feed: OrderFeed, telling: PostgresOrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 600.0)
    order = await new(telling)
    async with aclosing(watch(feed, order, scope=order.user_id)) as states:
        assert await anext(states) == order
        for status in (Status.PAID, Status.SHIPPED, Status.DELIVERED, Status.REFUNDED):
            changed = await move(telling, order, status)
            assert await anext(states) == changed
        with pytest.raises(StopAsyncIteration):  # it moves no more
            await anext(states)


async def test_who_goes_on_gets_what_has_changed_meanwhile_and_nothing_twice(
    feed: OrderFeed, telling: PostgresOrderStore
) -> None:
    order = await new(telling)
    paid = await move(telling, order, Status.PAID)
    async with aclosing(watch(feed, order, order.etag)) as states:
        assert await anext(states) == paid
    async with aclosing(watch(feed, order, paid.etag)) as states:
        coming = asyncio.ensure_future(anext(states))
        shipped = await move(telling, order, Status.SHIPPED)
        assert await coming == shipped
    refunded = order
    for status in (Status.DELIVERED, Status.REFUNDED):
        refunded = await move(telling, order, status)
    # Of one that moves no more the last state is said again: so whoever asks knows it is over.
    assert [each async for each in watch(feed, order, refunded.etag)] == [refunded]


async def test_what_nobody_has_told_is_found_by_looking(
    counting: Counting, orders: PostgresOrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    order = await new(orders)
    feed = OrderFeed(counting)
    async with running(feed), aclosing(watch(feed, order)) as states:
        await anext(states)
        paid = await move(orders, order, Status.PAID)
        assert await anext(states) == paid


async def test_an_order_that_is_deleted_or_anothers_by_now_is_not_found(
    feed: OrderFeed, telling: PostgresOrderStore, order_pool: Pool
) -> None:
    first, other, third = [await new(telling) for _ in range(3)]
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(aclosing(watch(feed, each, scope=each.user_id)))
            for each in (first, other)
        ]
        for each in streams:
            await anext(each)
        await telling.delete(first.id, None, lambda was: deleted(was, "", act()))
        with pytest.raises(OrderNotFound):
            await anext(streams[0])
        await order_pool.execute("UPDATE orders SET user_id = NULL WHERE id = $1", other.id)
        feed.heard_nothing()
        with pytest.raises(OrderNotFound):
            await anext(streams[1])
    with pytest.raises(OrderNotFound):
        await anext(watch(feed, third, scope=str(uuid.uuid4())))


async def test_a_slow_watcher_gets_what_the_order_has_become(
    feed: OrderFeed, telling: PostgresOrderStore
) -> None:
    order = await new(telling)
    async with aclosing(watch(feed, order)) as states, aclosing(watch(feed, order)) as others:
        await anext(states)
        await anext(others)
        for status in (Status.PAID, Status.SHIPPED, Status.DELIVERED):
            await move(telling, order, status)
            assert (await anext(others)).status is status
        assert (await anext(states)).status is Status.DELIVERED


async def test_500_watchers_cost_the_database_what_one_does(
    counting: Counting, orders: PostgresOrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 600.0)
    costs = []
    for count in (1, 500):
        feed = OrderFeed(counting)
        watched, unwatched = [await new(orders) for _ in range(2)]
        async with running(feed), AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(aclosing(watch(feed, watched)))
                for _ in range(count)
            ]
            for each in streams:
                await anext(each)
            counting.reads.clear()
            await move(orders, unwatched, Status.PAID)
            feed.heard((unwatched.id,))
            paid = await move(orders, watched, Status.PAID)
            feed.heard((watched.id,))
            states = await asyncio.gather(*(anext(each) for each in streams))
            assert states == [paid] * count
            costs.append([*counting.reads])
    assert costs == [[1, 1], [1, 1]]  # whether it has changed, and what it is


async def test_500_orders_are_looked_at_by_one_statement(
    counting: Counting, orders: PostgresOrderStore
) -> None:
    feed = OrderFeed(counting)
    made = await asyncio.gather(*(new(orders) for _ in range(500)))
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(aclosing(watch(feed, each))) for each in made]
        for each in streams:
            await anext(each)
        feed.heard_nothing()
        await feed.read()
        assert counting.reads == [500]


async def test_what_could_not_be_read_is_read_later(
    counting: Counting, orders: PostgresOrderStore
) -> None:
    feed = OrderFeed(counting)
    order = await new(orders)
    async with aclosing(watch(feed, order)) as states:
        await anext(states)
        counting.is_away = True
        paid = await move(orders, order, Status.PAID)
        feed.heard((order.id,))
        with pytest.raises(errors.Unavailable):
            await feed.read()
        counting.is_away = False
        async with running(feed):  # as the job does after a failure
            assert await anext(states) == paid


async def test_a_stream_ends_after_some_minutes_and_when_the_process_stops(
    counting: Counting, orders: PostgresOrderStore
) -> None:
    now = 0.0
    feed = OrderFeed(counting, lambda: now)
    order = await new(orders)
    async with aclosing(watch(feed, order)) as states:
        await anext(states)
        now = 241.0
        with pytest.raises(StopAsyncIteration):
            await anext(states)
    async with aclosing(watch(feed, order)) as states:
        await anext(states)
        feed.close()
        with pytest.raises(StopAsyncIteration):
            await anext(states)
    with pytest.raises(errors.Unavailable):
        await anext(watch(feed, order))
