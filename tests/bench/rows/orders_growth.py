"""CreateOrder where there are a million orders, against the same where there are few."""

from contextlib import AsyncExitStack

from tests.bench import lag
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import measured
from tests.bench.goods import CREATE_ORDER, STREAMS_OF_32_CLIENTS, Goods, orders
from tests.bench.http2 import Target
from tests.bench.past_orders import BEGUN, PRODUCTS, begun, with_past
from tests.bench.report import Row
from tests.bench.stage import Stage

TARGET = 1 / 1.10  # of what an order costs, at most a tenth more


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the service and of PostgreSQL together."""
    many = await with_past(stage, PRODUCTS, budget.past_orders, "_past")
    few = await begun(stage, budget, "_few")
    signed_in = (("authorization", await stage.token("customer")),)

    async with AsyncExitStack() as stack:

        async def ordering(goods: Goods) -> Measure:
            service = await stack.enter_async_context(
                stage.service("order", DATABASE_URL=goods.database_url)
            )
            return measured(
                Target(service.port, CREATE_ORDER, signed_in),
                lambda: orders(goods.ids, budget.calls // 2),
                {"service": service.pid},
                postgres=stage.cluster.pid("postgres"),
                streams=STREAMS_OF_32_CLIENTS,
            )

        found = await alternate(await ordering(many), await ordering(few), budget.rounds)
        for goods in (many, few):
            async with stage.admin(goods.database_url) as database:
                await lag.until_drained(database)
    what = f"CreateOrder after {budget.past_orders:,} orders / after {BEGUN:,}"
    return [found.row(what, TARGET)]
