"""CreateOrder against a bare insert, and how far the outbox lags behind at half of that rate."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from emporium.order.v1 import order_service_pb2 as pb
from tests.bench import baseline, lag
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.flood import flood, measured
from tests.bench.http2 import Target
from tests.bench.products import endless
from tests.bench.report import Row
from tests.bench.stage import Running, Stage

METHOD = "/emporium.order.v1.OrderService/CreateOrder"
TARGET = 0.65
_LAG_SECONDS_MAX = 1.0


@dataclass(frozen=True)
class Shop:
    """The cluster's order service with analytics behind it, and the bare server beside it."""

    service: Running
    metrics_url: str
    bare: Running
    database_url: str
    product_ids: Sequence[str]


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Every order has two lines, an outbox row and a key of its own; both sides are durable."""
    async with _shop(stage) as shop:
        signed_in = (("authorization", await stage.token("customer")),)
        ours = Target(shop.service.port, METHOD, signed_in)
        bare = Target(shop.bare.port, METHOD, signed_in)
        calls = budget.calls // 2
        async with stage.admin(shop.database_url) as database:
            before = await database.fetchval("SELECT count(*) FROM orders")
            found = await alternate(
                measured(ours, partial(_orders, shop, calls), {"service": shop.service.pid}),
                measured(bare, partial(_orders, shop, calls), {"server": shop.bare.pid}),
                budget.rounds,
            )
            created = await database.fetchval("SELECT count(*) FROM orders") - before
            assert created >= calls * (budget.rounds + 1), "not every answered order is there"
            assert created % calls == 0, "not every answered order is there"
            await lag.until_drained(database)
            rate = found.our_median.rate / 2
            paced = await _lag_at(rate, budget.paced_seconds, shop, ours, database)
    return [found.row("CreateOrder / one bare insert with our settings", TARGET), paced]


async def _lag_at(
    rate: float,
    seconds: float,
    shop: Shop,
    target: Target,
    database: "asyncpg.Connection[asyncpg.Record]",
) -> Row:
    before = await lag.histogram(shop.metrics_url)
    seconds = await flood(target, _orders(shop, int(rate * seconds)), rate)
    await lag.until_drained(database)
    lags = (await lag.histogram(shop.metrics_url)).since(before)
    bound = lags.quantile_bound(0.99)
    return Row(
        what="outbox lag at half of that rate",
        ours=f"{lags.count:,} events in {seconds:.1f} s",
        figure=f"p99 below {bound:g} s",
        target=f"below {_LAG_SECONDS_MAX:g} s",
        met=bound <= _LAG_SECONDS_MAX,
    )


def _orders(shop: Shop, count: int) -> list[bytes]:
    first, second = shop.product_ids
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
        product_ids = [row["id"] for row in await connection.fetch(endless(2))]
        await connection.execute(baseline.CREATE_TABLE)
        await connection.execute(
            f"GRANT INSERT ON bare_orders TO {urlsplit(database_url).username}"
        )
    async with stage.baseline(database_url, "tuned") as bare:
        metrics_url = stage.cluster.metrics_url("order")
        yield Shop(stage.measured("order"), metrics_url, bare, database_url, product_ids)
