"""QuoteOrder of twenty lines with two codes, against GetProduct."""

import random

from emporium.order.v1 import catalog_service_pb2, order_service_pb2
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.flood import measured
from tests.bench.goods import GET, STREAMS_OF_32_CLIENTS
from tests.bench.http2 import Target
from tests.bench.past_orders import begun
from tests.bench.report import Row
from tests.bench.stage import Stage

TARGET = 0.60
_QUOTE = "/emporium.order.v1.OrderService/QuoteOrder"
_LINES = 20
_CODES = ("BENCH10", "BENCH5")
_PROMOTIONS = """
    INSERT INTO promotions (id, code, name, percentage, amount, currency, stacking, active,
                            created_at, updated_at, version)
    VALUES (uuidv7(), 'BENCH10', 'A tenth', 10, NULL, NULL, 'COMBINABLE', true, now(), now(), 1),
           (uuidv7(), 'BENCH5', 'Five off', NULL, 5, 'GBP', 'COMBINABLE', true, now(), now(), 1)
    ON CONFLICT DO NOTHING
"""


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Of random products, 32 clients; the CPU is the service's."""
    goods = await begun(stage, budget, "_begun")
    async with stage.admin(goods.database_url) as database:
        await database.execute(_PROMOTIONS)
    signed_in = (("authorization", await stage.token("customer")),)
    pick = random.Random(1)
    quotes = [_quote(pick.sample(goods.ids, _LINES)) for _ in range(budget.calls // 2)]
    gets = [
        catalog_service_pb2.GetProductRequest(product_id=each).SerializeToString()
        for each in pick.choices(goods.ids, k=budget.calls)
    ]
    async with stage.service("order", DATABASE_URL=goods.database_url) as service:

        def calling(method: str, requests: list[bytes]) -> Measure:
            return measured(
                Target(service.port, method, signed_in),
                lambda: requests,
                {"service": service.pid},
                streams=STREAMS_OF_32_CLIENTS,
            )

        found = await alternate(calling(_QUOTE, quotes), calling(GET, gets), budget.rounds)
    return [found.row(f"QuoteOrder of {_LINES} lines and two codes / GetProduct", TARGET)]


def _quote(product_ids: list[str]) -> bytes:
    return order_service_pb2.QuoteOrderRequest(
        items=[
            order_service_pb2.NewOrderItem(product_id=each, quantity=n % 3 + 1)
            for n, each in enumerate(product_ids)
        ],
        promotion_codes=_CODES,
    ).SerializeToString()
