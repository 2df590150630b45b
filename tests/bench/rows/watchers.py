"""What 500 watchers of orders ask of the database, against one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.order_service_pb2_grpc import OrderServiceStub
from emporium.type.v1.address_pb2 import Address
from tests.bench.budget import Budget
from tests.bench.goods import Goods
from tests.bench.past_orders import begun
from tests.bench.report import Row
from tests.bench.shop_callers import Customer, customers
from tests.bench.stage import Stage
from tests.bench.statements import StatementLog, logged

WATCHERS = 500
MOST = 1.10  # times what one costs: that looks at a clock as well
_STREAMS_EACH = 16  # as many as a caller may have
_CHANGES = 30
_TIMEOUT_SECONDS = 30.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Statements that read orders while staff change one that is watched, time and again.

    What each watcher is told first, when it begins, is read for itself.
    """
    goods = await begun(stage, budget, "_begun")
    found = await customers(stage, -(-WATCHERS // _STREAMS_EACH))
    staff = (("authorization", await stage.token("admin")),)
    async with (
        logged(stage, goods.database_url) as log,
        stage.service("order", DATABASE_URL=goods.database_url) as service,
    ):
        watched = [await _order(service.port, each, goods) for each in found]
        one = await _read(service.port, watched[:1], 1, staff, log)
        many = await _read(service.port, watched, WATCHERS, staff, log)
    return [
        Row(
            what=f"reads of {WATCHERS} watchers of orders / of one, {_CHANGES} changes",
            ours=f"{many} statements",
            baseline=f"{one} statements",
            figure=f"{many / one:.2f}",
            target=f"at most {MOST:.2f}",
            met=many <= MOST * one,
        )
    ]


@dataclass
class _Watched:
    """An order, and who watches it."""

    buyer: Customer
    order_id: str
    told: list[asyncio.Queue[str]] = field(default_factory=list)  # etags, of each watcher


async def _order(port: int, buyer: Customer, goods: Goods) -> _Watched:
    request = pb.CreateOrderRequest(items=[pb.NewOrderItem(product_id=goods.ids[0], quantity=1)])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        order = await OrderServiceStub(channel).CreateOrder(
            request, metadata=_signed_in(buyer), timeout=_TIMEOUT_SECONDS
        )
    return _Watched(buyer, order.id)


async def _read(
    port: int,
    watched: Sequence[_Watched],
    watchers: int,
    staff: tuple[tuple[str, str], ...],
    log: StatementLog,
) -> int:
    """How many statements have read orders while each in turn was changed before its watchers."""
    async with _watching(port, watched, watchers), _channel(port) as channel:
        stub = OrderServiceStub(channel)
        log.take()
        for n in range(_CHANGES):
            order = watched[n % len(watched)]
            address = Address(
                recipient="Bench", street=f"{n + 1} Road", city="York", country_code="GB"
            )
            request = pb.UpdateOrderRequest(order_id=order.order_id, shipping_address=address)
            changed = await stub.UpdateOrder(request, metadata=staff, timeout=_TIMEOUT_SECONDS)
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                for each in order.told:
                    while await each.get() != changed.etag:
                        pass
        return sum("FROM orders" in each.text for each in log.take())


@asynccontextmanager
async def _watching(port: int, watched: Sequence[_Watched], watchers: int) -> AsyncIterator[None]:
    """So many watch, and have been told once, while the block runs."""
    async with asyncio.TaskGroup() as tasks:
        began: list[asyncio.Task[None]] = []
        for each in watched:
            each.told = [asyncio.Queue() for _ in range(min(_STREAMS_EACH, watchers - len(began)))]
            began += [tasks.create_task(_watch(port, each, told)) for told in each.told]
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            for each in watched:
                for told in each.told:
                    await told.get()
        try:
            yield
        finally:
            for task in began:
                task.cancel()


async def _watch(port: int, watched: _Watched, told: "asyncio.Queue[str]") -> None:
    async with _channel(port) as channel:
        stream = OrderServiceStub(channel).WatchOrder(
            pb.WatchOrderRequest(order_id=watched.order_id), metadata=_signed_in(watched.buyer)
        )
        async for state in stream:
            told.put_nowait(state.token)


def _channel(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}")


def _signed_in(buyer: Customer) -> tuple[tuple[str, str], ...]:
    return (("authorization", buyer.token),)
