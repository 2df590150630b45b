"""Orders that are not paid in time, by the job that cancels them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.events_pb2 import OrderCancelled
from emporium.order.v1.order_service_pb2 import Order
from server.kit import background
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.order.app import order_store, registrations
from server.order.app.payments import unpaid_for
from server.order.jobs.expiring import expire_orders, order_expiry
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Postgres, Shop
from tests.server.conftest import Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers, Wakes
from tests.server.order.doors import Door, adjust, get, item, order_of, update
from tests.server.order.stock.ledger import balance
from tests.server.tokens import TOKENS
from tests.waiting import until

_LATER = "UPDATE orders SET expires_at = expires_at - $2::interval WHERE id = $1"
_CANCELLED = """
    SELECT payload FROM outbox
    WHERE aggregate_id = $1 AND event_type = 'emporium.order.v1.OrderCancelled'
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty_channel(
    order_pool: Pool,
    wakes: Wakes,
    shared_users: FakeUsers,
    accounts: FakeAccounts,
    serve: Serve,
) -> AsyncIterator[grpc.aio.Channel]:
    """A service whose orders may be unpaid for an hour."""
    hour = unpaid_for(Shop(unpaid_order_hours=1.0))
    services = registrations(order_pool, shared_users, wakes, SHOP_CURRENCY, TOKENS, unpaid=hour)
    async with serve(services, accounts) as channel:
        yield channel


@pytest_asyncio.fixture
async def ann(hasty_channel: grpc.aio.Channel, token: Token) -> Door:
    user_id = str(uuid.uuid4())
    return Door(hasty_channel, token("CUSTOMER", user_id), user_id)


@pytest_asyncio.fixture
async def staff(hasty_channel: grpc.aio.Channel, token: Token) -> Door:
    user_id = str(uuid.uuid4())
    return Door(hasty_channel, token("STAFF", user_id), user_id)


async def pass_(pool: Pool, order: Order, by: timedelta = timedelta(hours=1)) -> None:
    """As if so much time had passed since the order was made."""
    await pool.execute(_LATER, order.id, by)


async def test_what_is_not_paid_in_time_is_cancelled_and_its_stock_released(
    ann: Door, staff: Door, mug: Product, orders: PostgresOrderStore, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    due, young, paid = [await ann("CreateOrder", order_of(item(mug))) for _ in range(3)]
    await staff("UpdateOrder", update(paid, status=Order.PAID))
    for each in (due, paid):
        await pass_(order_pool, each)
    await expire_orders(orders)
    statuses = [(await ann("GetOrder", get(each))).status for each in (due, young, paid)]
    assert statuses == [Order.CANCELLED, Order.PENDING, Order.PAID]
    assert await balance(order_pool, mug.id) == (2, 1)
    [row] = await order_pool.fetch(_CANCELLED, due.id)
    told = OrderCancelled.FromString(row["payload"])
    assert told.cause == OrderCancelled.EXPIRED
    assert told.order == await ann("GetOrder", get(due))
    await expire_orders(orders)
    assert await balance(order_pool, mug.id) == (2, 1)


async def test_time_counts_from_when_the_order_was_made(
    ann: Door, mug: Product, order_pool: Pool
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    [row] = await order_pool.fetch("SELECT * FROM orders WHERE id = $1", order.id)
    assert row["expires_at"] == row["created_at"] + timedelta(hours=1)


async def test_a_historical_order_never_expires(
    staff: Door, mug: Product, orders: PostgresOrderStore, order_pool: Pool
) -> None:
    then = Timestamp(seconds=1_291_191_960)
    order = await staff("CreateOrder", order_of(item(mug), order_date=then))
    [row] = await order_pool.fetch("SELECT expires_at FROM orders WHERE id = $1", order.id)
    assert row["expires_at"] is None
    await expire_orders(orders)
    assert (await staff("GetOrder", get(order))).status == Order.PAID


async def test_without_the_setting_nothing_expires(order_pool: Pool) -> None:
    assert unpaid_for(Shop(unpaid_order_hours=0.0)) is None


async def test_of_a_payment_and_the_job_at_once_one_wins(
    ann: Door, staff: Door, mug: Product, orders: PostgresOrderStore, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 20))
    made = [await ann("CreateOrder", order_of(item(mug))) for _ in range(20)]
    for each in made:
        await pass_(order_pool, each)

    async def pay(order: Order) -> Any:
        try:
            return await staff("UpdateOrder", update(order, status=Order.PAID))
        except grpc.aio.AioRpcError as error:
            return error

    second = order_store(order_pool, lambda: None)
    await asyncio.gather(
        *(pay(each) for each in made), expire_orders(orders, 3), expire_orders(second, 3)
    )
    await expire_orders(orders)
    statuses = [(await ann("GetOrder", get(each))).status for each in made]
    assert {*statuses} <= {Order.PAID, Order.CANCELLED}
    sold = statuses.count(Order.PAID)
    assert await balance(order_pool, mug.id) == (20 - sold, 0)


async def test_one_replica_at_a_time_does_it(
    ann: Door, staff: Door, mug: Product, order_database: Postgres, order_pool: Pool
) -> None:
    """Two have the job; the one that has the lock ends, and the other takes over."""
    await staff("AdjustStock", adjust(mug, 2))
    counts = [0, 0]

    class Counting:
        def __init__(self, number: int) -> None:
            self._number = number

        async def expire(self, *arguments: Any) -> int:
            counts[self._number] += 1
            return await order_store(order_pool, lambda: None).expire(*arguments)

    def job(number: int) -> background.Job:
        store: Any = Counting(number)
        return order_expiry(store, AdvisoryLock(order_database.database_url), 0.01)

    async def expires(order: Order) -> None:
        await pass_(order_pool, order)

        async def is_cancelled() -> bool:
            found: Order = await ann("GetOrder", get(order))
            return found.status == Order.CANCELLED

        await until(is_cancelled)

    one, other = [await ann("CreateOrder", order_of(item(mug))) for _ in range(2)]
    async with background.running(job(0)):
        await expires(one)
        async with background.running(job(1)):
            assert counts[0] > 0
            assert counts[1] == 0
    async with background.running(job(1)):
        await expires(other)
    assert counts[1] > 0
    assert await balance(order_pool, mug.id) == (2, 0)
