"""CreateOrder of goods in stock, against `pgbench` with the very statements of one order."""

import asyncio
from pathlib import Path
from uuid import uuid4

import grpc

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.order_service_pb2_grpc import OrderServiceStub
from tests.bench import lag, pgbench
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.flood import measured
from tests.bench.goods import CREATE_ORDER, LINES, STREAMS_OF_32_CLIENTS, Goods, orders
from tests.bench.http2 import Target
from tests.bench.past_orders import begun
from tests.bench.report import Row
from tests.bench.stage import Stage
from tests.bench.statements import logged

TARGET = 0.35
_TIMEOUT_SECONDS = 30.0
_WARM = 3  # orders until every statement has been prepared


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Three lines, a reservation of each, a key, events: 32 clients, and 32 of `pgbench`.

    Our service has a core, as `pgbench` has, and the database the other one. Ours shares that with
    the callers, and with analytics, which is told of each order.
    """
    ours = await begun(stage, budget, "_begun")
    theirs = await begun(stage, budget, "_pgbench")
    signed_in = (("authorization", await stage.token("customer")),)
    file = await _script(stage, theirs, signed_in)
    calls = max(pgbench.CLIENTS, budget.calls // 2)
    await pgbench.make_room(stage)
    async with (
        stage.service("order", DATABASE_URL=ours.database_url) as service,
        stage.admin(ours.database_url) as database,
    ):
        found = await alternate(
            measured(
                Target(service.port, CREATE_ORDER, signed_in),
                lambda: orders(ours.ids, calls),
                {"service": service.pid},
                postgres=stage.cluster.pid("postgres"),
                streams=STREAMS_OF_32_CLIENTS,
            ),
            pgbench.running(stage, theirs.database_url, file, calls),
            budget.rounds,
        )
        await lag.until_drained(database)
    return [found.row_by_rate("CreateOrder of 3 goods in stock / its SQL by pgbench", TARGET)]


async def _script(stage: Stage, goods: Goods, signed_in: tuple[tuple[str, str], ...]) -> Path:
    """What a service sends for one order, for `pgbench`."""
    product_ids = goods.ids[:LINES]
    items = [pb.NewOrderItem(product_id=each, quantity=1) for each in product_ids]
    async with (
        logged(stage, goods.database_url) as log,
        stage.service("order", DATABASE_URL=goods.database_url) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub = OrderServiceStub(channel)
        sent = []
        for _ in range(_WARM):
            log.take()
            request = pb.CreateOrderRequest(items=items, request_id=str(uuid4()))
            await stub.CreateOrder(request, metadata=signed_in, timeout=_TIMEOUT_SECONDS)
            sent.append(pgbench.of_one_order(log.take(), product_ids))
    file = stage.new_file(".sql")
    text = pgbench.script(sent[-1], sent[-2], product_ids, len(goods.names))
    await asyncio.to_thread(file.write_text, text, "utf-8")
    return file
