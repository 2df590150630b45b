"""Many buyers at two replicas of the order service, which are killed meanwhile, and their judge."""

import asyncio
import random
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import asyncpg
import grpc

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import (
    order_service_pb2_grpc,
)
from server.local.cluster import Cluster
from tests.e2e.replicas import Replica
from tests.server.order.doors import Door, adjust, item, new_product, order_of
from tests.server.refusals import Refused
from tests.waiting import until

DEADLINE_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # of whoever asks once more, when nothing dies
AT_ONCE = 50

Result = TypeVar("Result")
# What a caller may be told while processes die; whoever repeats the call with its key learns more.
UNKNOWN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", ""}
REFUSED = {"OUT_OF_STOCK"}

_STOCK = "SELECT product_id::text, on_hand, reserved FROM stock WHERE product_id = ANY($1::uuid[])"
_BOUGHT = """
    SELECT product_id::text, status, sum(quantity)::int AS count
    FROM order_items JOIN orders ON orders.id = order_id
    WHERE product_id = ANY($1::uuid[]) GROUP BY product_id, status
"""
_ORDERS = """
    SELECT id::text, (SELECT count(*) FROM order_items WHERE order_id = orders.id)::int AS lines,
           (SELECT count(*) FROM order_moves WHERE order_id = orders.id)::int AS moves,
           (SELECT count(*) FROM stock_movements WHERE order_id = orders.id)::int AS stock_moves
    FROM orders WHERE id IN (SELECT order_id FROM order_items WHERE product_id = ANY($1::uuid[]))
"""


class Level(NamedTuple):
    """Where all that there was of a product is now."""

    left: int
    reserved: int
    sold: int


def faults_of_stock(
    start: int, kept: Mapping[str, Level], bought: Mapping[str, Level]
) -> list[str]:
    """What is sold, reserved and left by the stock, against the orders and what there was."""
    found = []
    for product_id, level in kept.items():
        told = bought.get(product_id, Level(start, 0, 0))
        if level != told:
            found.append(f"{product_id}: the stock says {level}, the orders {told}")
        if sum(level) != start or min(level) < 0:
            found.append(f"{product_id}: {level} of {start}")
    return found


@dataclass
class Basket:
    """What a buyer asks for, under a key, and all that came of it."""

    request: pb.CreateOrderRequest
    answers: list[pb.Order] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def is_known(self) -> bool:
        """Whether its buyer was told what has become of it."""
        return bool(self.answers) or bool(REFUSED & self.reasons.keys())


def faults_of_baskets(baskets: Sequence[Basket], orders: Sequence[str]) -> list[str]:
    """An order for each key that was answered with one, the same in every answer; and no other."""
    found, ids = [], []
    for each in baskets:
        different = {answer.SerializeToString(deterministic=True) for answer in each.answers}
        if len(different) > 1:
            found.append(f"{each.request.request_id}: {len(different)} different answers")
        if not each.is_known:
            found.append(f"{each.request.request_id}: never told")
        if odd := set(each.reasons) - UNKNOWN - REFUSED:
            found.append(f"{each.request.request_id}: {odd}")
        ids += [answer.id for answer in each.answers[:1]]
    if sorted(ids) != sorted(orders):
        found.append(f"{len(ids)} orders were answered, and there are {len(orders)}")
    return found


@dataclass
class Buyers:
    """All of them. `doors` lead to the `replicas`, one to each."""

    cluster: Cluster
    replicas: Sequence[Replica]
    doors: Sequence[Door]
    staff: Door
    chance: random.Random
    start: int
    shelf: list[catalog_pb.Product] = field(default_factory=list)
    baskets: list[Basket] = field(default_factory=list)

    async def fill(self, count: int) -> None:
        """Puts so many products on the shelf."""

        async def put() -> catalog_pb.Product:
            product: catalog_pb.Product = await self.staff("CreateProduct", new_product())
            await self.staff("AdjustStock", adjust(product, self.start))
            return product

        self.shelf += await _few_at_a_time(put() for _ in range(count))

    def basket(self) -> Basket:
        """Of one line, which everybody wants, or of five, in any order."""
        chosen = self.shelf[:1] if self.chance.random() < 0.5 else self.chance.sample(self.shelf, 5)
        made = Basket(order_of(*(item(each) for each in chosen), request_id=uuid.uuid4().hex))
        self.baskets.append(made)
        return made

    async def round(self, count: int, disaster: Callable[[], Any] | None) -> None:
        """So many baskets at once, some several times, and what happens in their midst."""
        baskets = [self.basket() for _ in range(count)]
        calls = [(each, n % 2) for n, each in enumerate(baskets)]
        for each in self.chance.sample(baskets, 3):
            calls += [(each, n % 2) for n in range(self.chance.choice([2, 10, 49]))]
        self.chance.shuffle(calls)
        buying = [asyncio.create_task(self.buy(basket, at)) for basket, at in calls]
        if disaster:

            async def is_busy() -> bool:
                return sum(each.done() for each in buying) >= len(buying) // 10

            await until(is_busy)
            await disaster()
        await asyncio.gather(*buying)
        await self.healed()
        # Whoever was not told asks again, at the other replica; and all the others, too.
        for at in (1, 0):
            again = (self.buy(each, at, PATIENCE_SECONDS) for each in baskets)
            await _few_at_a_time(again)
        await self.go_on(baskets)

    async def buy(self, basket: Basket, at: int, seconds: float = DEADLINE_SECONDS) -> None:
        """One attempt at one replica."""
        stub: Any = order_service_pb2_grpc.OrderServiceStub(self.doors[at].channel)
        metadata = self.doors[at]._metadata
        try:
            answer = await stub.CreateOrder(basket.request, metadata=metadata, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            basket.reasons[_reason(error)] += 1
        else:
            basket.answers.append(answer)

    async def go_on(self, baskets: Sequence[Basket]) -> None:
        """Some orders are paid, and some cancelled."""
        statuses = (None, pb.Order.PAID, pb.Order.CANCELLED)
        placed = [basket.answers[0] for basket in baskets if basket.answers]
        changes = [
            pb.UpdateOrderRequest(order_id=order.id, status=status)
            for number, order in enumerate(placed)
            if (status := statuses[number % 3])
        ]
        await _few_at_a_time(self.staff("UpdateOrder", each) for each in changes)

    async def kill_a_replica(self) -> None:
        """By SIGKILL; another process begins at its port."""
        dying = self.chance.choice(self.replicas)
        await dying.end(signal.SIGKILL)
        await dying.start()

    async def kill_postgres(self) -> None:
        """By SIGKILL; the supervisor starts it again."""
        self.cluster.kill("postgres")

    async def healed(self) -> None:
        """Waits until both replicas serve, and the cluster's own."""
        for each in self.replicas:
            await until(each._is_serving)

        async def answers() -> bool:
            try:
                for door in (*self.doors, self.staff):
                    await door("ListOrders", pb.ListOrdersRequest(per_page=1))
            except grpc.aio.AioRpcError:
                return False
            return True

        await until(answers)

    async def faults(self) -> list[str]:
        """All that does not add up."""
        ids = [each.id for each in self.shelf]
        connection = await asyncpg.connect(self.cluster.record.postgres["order"])
        kept = await connection.fetch(_STOCK, ids)
        bought = await connection.fetch(_BOUGHT, ids)
        orders = await connection.fetch(_ORDERS, ids)
        await connection.close()
        counts = {(row["product_id"], row["status"]): row["count"] for row in bought}
        of_orders = {}
        for each in ids:
            reserved, sold = counts.get((each, "PENDING"), 0), counts.get((each, "PAID"), 0)
            of_orders[each] = Level(self.start - reserved - sold, reserved, sold)
        of_stock = {
            row["product_id"]: Level(
                row["on_hand"] - row["reserved"], row["reserved"], self.start - row["on_hand"]
            )
            for row in kept
        }
        lines = {
            each.answers[0].id: len(each.request.items) for each in self.baskets if each.answers
        }
        halves = [
            f"{row['id']}: {dict(row)}"
            for row in orders
            if row["lines"] != lines.get(row["id"]) or not row["moves"] or not row["stock_moves"]
        ]
        return [
            *faults_of_stock(self.start, of_stock, of_orders),
            *faults_of_baskets(self.baskets, [row["id"] for row in orders]),
            *halves,
        ]


async def _few_at_a_time(calls: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What they give, in their order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def called(call: Coroutine[Any, Any, Result]) -> Result:
        async with room:
            return await call

    return await asyncio.gather(*(called(each) for each in calls))


def _reason(error: grpc.aio.AioRpcError) -> str:
    """Empty where the connection broke, and nobody could give any."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return "UNAVAILABLE"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "DEADLINE_EXCEEDED"
    return Refused(error).reason
