"""CreateOrder against a bare insert, and how far the outbox lags behind at half of that rate."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from emporium.order.v1 import order_service_pb2 as pb
from server.local.home.ports import free_ports
from tests.bench import baseline, lag
from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.flood import flood
from tests.bench.http2 import Target
from tests.bench.machine import LOAD_CORE, cpu_seconds
from tests.bench.report import Row
from tests.bench.stage import Running, Stage

METHOD = "/emporium.order.v1.OrderService/CreateOrder"
TARGET = 0.60
_LAG_SECONDS_MAX = 1.0
_PACED_SECONDS = 6.0
_PRODUCTS = """
    INSERT INTO products (id, sku, name, unit_price, currency, created_at, updated_at, version)
    SELECT uuidv7(), '1000' || n, 'Product ' || n, n + 0.99, 'GBP', now(), now(), 1
    FROM generate_series(1, $1) AS n
    RETURNING id::text
"""


@dataclass(frozen=True)
class Shop:
    """The order service with analytics behind it, and the bare server, each on its database."""

    service: Running
    metrics_port: int
    bare: Running
    database_url: str
    product_ids: Sequence[str]


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Every order has two lines, an outbox row and a key of its own; both sides are durable."""
    async with _shop(stage) as shop:
        signed_in = (("authorization", stage.token(str(uuid4()), "CUSTOMER")),)
        ours = Target(shop.service.port, METHOD, signed_in)
        calls = budget.calls // 2
        async with stage.admin(shop.database_url) as database:
            before = await database.fetchval("SELECT count(*) FROM orders")
            found = await alternate(
                _creating(shop, shop.service, ours, calls),
                _creating(shop, shop.bare, Target(shop.bare.port, METHOD), calls),
                budget.rounds,
            )
            created = await database.fetchval("SELECT count(*) FROM orders") - before
            assert created == calls * (budget.rounds + 1), "not every answered order is there"
            await lag.until_drained(database)
            rate = found.our_median.rate / 2
            paced = await _lag_at(rate, shop, ours, database)
    return [found.row("CreateOrder / one bare insert", TARGET), paced]


async def _lag_at(
    rate: float, shop: Shop, target: Target, database: "asyncpg.Connection[asyncpg.Record]"
) -> Row:
    before = await lag.histogram(shop.metrics_port)
    seconds = await flood(target, _orders(shop, int(rate * _PACED_SECONDS)), rate)
    await lag.until_drained(database)
    lags = (await lag.histogram(shop.metrics_port)).since(before)
    bound = lags.quantile_bound(0.99)
    return Row(
        what="outbox lag at half of that rate",
        ours=f"{lags.count:,} events in {seconds:.1f} s",
        figure=f"p99 below {bound:g} s",
        target=f"below {_LAG_SECONDS_MAX:g} s",
        met=bound <= _LAG_SECONDS_MAX,
    )


def _creating(
    shop: Shop, server: Running, target: Target, calls: int
) -> Callable[[], Awaitable[Run]]:
    async def run() -> Run:
        orders = _orders(shop, calls)
        before = cpu_seconds(server.pid)
        seconds = await flood(target, orders)
        return Run(calls / seconds, (cpu_seconds(server.pid) - before) / calls * 1e6)

    return run


def _orders(shop: Shop, count: int) -> list[bytes]:
    first, second = shop.product_ids[:2]
    items = [pb.NewOrderItem(product_id=first, quantity=1)]
    items.append(pb.NewOrderItem(product_id=second, quantity=3))
    return [
        pb.CreateOrderRequest(items=items, request_id=str(uuid4())).SerializeToString()
        for _ in range(count)
    ]


@asynccontextmanager
async def _shop(stage: Stage) -> AsyncIterator[Shop]:
    database_url = await stage.database("order")
    async with stage.admin(database_url) as connection:
        product_ids = [row[0] for row in await connection.fetch(_PRODUCTS, 10)]
        await connection.execute(baseline.CREATE_TABLE)
        role = database_url.rpartition("/")[2]
        await connection.execute(f"GRANT INSERT ON bare_orders TO {role}")
    metrics_port = free_ports(1)[0]
    mongodb_uri = await stage.mongodb_uri()
    async with (
        stage.service("analytics", LOAD_CORE, MONGODB_URI=mongodb_uri) as analytics,
        stage.service(
            "order",
            DATABASE_URL=database_url,
            METRICS_PORT=str(metrics_port),
            NEIGHBOUR_TARGETS=f"analytics=dns:///127.0.0.1:{analytics.port}",
        ) as service,
        stage.baseline(database_url) as bare,
    ):
        yield Shop(service, metrics_port, bare, database_url, product_ids)
