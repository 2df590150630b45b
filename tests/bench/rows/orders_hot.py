"""Orders of one product that everybody wants, against the same of many products."""

from tests.bench import lag
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import measured
from tests.bench.goods import CREATE_ORDER, STREAMS_OF_32_CLIENTS, orders
from tests.bench.http2 import Target
from tests.bench.past_orders import begun
from tests.bench.report import Row
from tests.bench.stage import Stage

TARGET = 0.50


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """One line each, so that the rows of both sides cost the same, but for the waiting."""
    goods = await begun(stage, budget, "_begun")
    signed_in = (("authorization", await stage.token("customer")),)
    async with (
        stage.service("order", DATABASE_URL=goods.database_url) as service,
        stage.admin(goods.database_url) as database,
    ):

        def ordering(product_ids: list[str]) -> Measure:
            return measured(
                Target(service.port, CREATE_ORDER, signed_in),
                lambda: orders(product_ids, budget.calls // 2, lines=1),
                {"service": service.pid},
                postgres=stage.cluster.pid("postgres"),
                streams=STREAMS_OF_32_CLIENTS,
            )

        ids = [*goods.ids]
        found = await alternate(ordering(ids[:1]), ordering(ids), budget.rounds)
        await lag.until_drained(database)
    return [found.row_by_rate(f"CreateOrder of one product / of {len(ids):,}", TARGET)]
