"""Calls with deadlines from 1 to 30 ms: all of what they make is there, or nothing."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.payment_service_pb2 import Payment
from emporium.order.v1.pricing_service_pb2 import CreatePromotionRequest, GetPromotionRequest
from server.kit.postgres import Pool
from tests.effort import Effort
from tests.server.conftest import Token
from tests.server.order.doors import (
    Door,
    adjust,
    get,
    item,
    new_product,
    order_of,
    payment,
    payment_of,
)
from tests.server.order.payments.conftest import Replica, as_the_provider_says, ordered
from tests.server.order.payments.sandboxes import SandboxProcess

ORDERS, PAYMENTS, AT_ONCE, LINES = 90, 60, 30, 3
POOL_SECONDS = 5.0

# All that belongs to each order of a buyer; what is of no order any more, `_STRAY` finds.
_PARTS = """
    SELECT id::text, order_date < created_at AS is_historical,
           (SELECT count(*) FROM order_items WHERE order_id = orders.id) AS lines,
           (SELECT count(*) FROM order_moves WHERE order_id = orders.id) AS moves,
           (SELECT count(*) FROM stock_movements WHERE order_id = orders.id) AS stock_moves,
           (SELECT count(*) FROM promotion_uses WHERE order_id = orders.id) AS uses,
           (SELECT count(*) FROM payments WHERE order_id = orders.id) AS payments,
           (SELECT count(*) FROM ledger_entries WHERE order_id = orders.id) AS entries,
           (SELECT count(*) FROM outbox WHERE aggregate_id = orders.id) AS events,
           (SELECT count(*) FROM idempotency_keys WHERE key LIKE $2 || '%'
                AND position(convert_to(orders.id::text, 'UTF8') IN answer) > 0) AS answers
    FROM orders WHERE user_id = $1
"""
_STRAY = """
    SELECT 'stock' AS of, count(*) AS count FROM stock_movements
    WHERE product_id = ANY($1::uuid[]) AND order_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM orders WHERE id = stock_movements.order_id)
    UNION ALL
    SELECT 'uses', uses - (SELECT count(*) FROM promotion_uses WHERE promotion_id = promotions.id)
    FROM promotions WHERE id = $2
    UNION ALL
    SELECT 'answers', count(*) - (SELECT count(*) FROM orders WHERE user_id = $3)
    FROM idempotency_keys WHERE key LIKE $4 || '%'
"""
# Of one that is placed now, and of one of the past, which was paid.
_NOW = {"lines": LINES, "moves": 1, "stock_moves": LINES, "uses": 1, "payments": 0, "entries": 0}
_THEN = {"lines": 1, "moves": 1, "stock_moves": 0, "uses": 0, "payments": 1, "entries": 2}
_ALWAYS = {"events": 1, "answers": 1}


@dataclass
class Scene:
    """A buyer at both replicas, what is sold, and the keys that the calls have."""

    anns: Sequence[Door]
    staff: Sequence[Door]
    shelf: Sequence[Product]
    promotion_id: str
    code: str
    prefix: str

    def call(self, number: int) -> tuple[Door, pb.CreateOrderRequest]:
        """A customer's order with a code, or one of the past, which staff place for her."""
        key = f"{self.prefix}-{number}"
        if number % 3 == 0:
            mug = pb.NewOrderItem(product_name="Mug", unit_price="10.00", quantity=1)
            past = Timestamp(seconds=1_291_191_960)
            fields: dict[str, Any] = {"user_id": self.anns[0].user_id, "order_date": past}
            return self.staff[number % 2], order_of(mug, request_id=key, **fields)
        lines = [item(each) for each in self.shelf]
        return self.anns[number % 2], order_of(*lines, promotion_codes=[self.code], request_id=key)

    async def faults(self, pool: Pool) -> list[str]:
        """What is there of an order without all the rest, seen at one moment."""
        user_id = self.anns[0].user_id
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            orders = await connection.fetch(_PARTS, user_id, self.prefix)
            ids = [each.id for each in self.shelf]
            strays = await connection.fetch(_STRAY, ids, self.promotion_id, user_id, self.prefix)
        found = [f"{row['count']} stray {row['of']}" for row in strays if row["count"]]
        for row in orders:
            wanted: Mapping[str, int] = {**(_THEN if row["is_historical"] else _NOW), **_ALWAYS}
            found += [
                f"{row['id']}: {row[name]} {name} instead of {count}"
                for name, count in wanted.items()
                if row[name] != count
            ]
        return found


@pytest_asyncio.fixture
async def scene(
    anns: Sequence[Door], staff: Door, token: Token, services: Sequence[Replica]
) -> Scene:
    shelf = [await staff("CreateProduct", new_product()) for _ in range(LINES)]
    for each in shelf:
        await staff("AdjustStock", adjust(each, 10_000))
    code = uuid.uuid4().hex[:12].upper()
    made = await staff(
        "CreatePromotion", CreatePromotionRequest(code=code, name="Ten", percentage="10")
    )
    at_both = [Door(each.channel, token("STAFF", staff.user_id)) for each in services]
    return Scene(anns, at_both, shelf, made.id, code, uuid.uuid4().hex)


async def cut_off(door: Door, name: str, request: Any, milliseconds: int) -> grpc.StatusCode:
    """How a call ends that has so long."""
    stubs: Any = door._payments if "Payment" in name else door._orders
    call = getattr(stubs, name)(request, metadata=door._metadata, timeout=milliseconds / 1_000)
    code: grpc.StatusCode = await call.code()
    return code


async def all_connections(pool: Pool) -> int:
    """How many there are to borrow, all at a time: none is lost, and none is left in a state."""
    most = pool.get_max_size()
    async with asyncio.timeout(POOL_SECONDS), AsyncExitStack() as stack:
        lent = [await stack.enter_async_context(pool.acquire()) for _ in range(most)]
        for each in lent:
            assert not each.is_in_transaction()
            assert await each.fetchval("SELECT 1") == 1
    return most


async def test_an_order_exists_if_and_only_if_all_that_belongs_to_it_does(
    scene: Scene,
    services: Sequence[Replica],
    order_pool: Pool,
    effort: Effort,
) -> None:
    chance, ends = effort.random("deadlines"), Counter[grpc.StatusCode]()
    count = effort.times(ORDERS)
    for begin in range(0, count, AT_ONCE):
        calls = [scene.call(number) for number in range(begin, min(count, begin + AT_ONCE))]
        ends.update(
            await asyncio.gather(
                *(cut_off(door, "CreateOrder", each, chance.randint(1, 30)) for door, each in calls)
            )
        )
        assert await scene.faults(order_pool) == []
    assert set(ends) <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert ends[grpc.StatusCode.DEADLINE_EXCEEDED]
    for each in services:
        assert await all_connections(each.pool)
    answers = []
    for number in range(count):
        door, request = scene.call(number)
        answers.append(await door("CreateOrder", request))
    assert await scene.faults(order_pool) == []
    found = await order_pool.fetch(_PARTS, scene.anns[0].user_id, scene.prefix)
    assert sorted(answer.id for answer in answers) == sorted(row["id"] for row in found)
    promotion = GetPromotionRequest(promotion_id=scene.promotion_id)
    used = sum(bool(answer.promotion_codes) for answer in answers)
    assert (await scene.staff[0]("GetPromotion", promotion)).uses == used


async def test_a_payment_exists_if_and_only_if_it_is_known_what_became_of_it(
    anns: Sequence[Door],
    staff: Door,
    services: Sequence[Replica],
    order_pool: Pool,
    sandbox: SandboxProcess,
    effort: Effort,
) -> None:
    chance, count = effort.random("deadlines of payments"), PAYMENTS // 2
    order = await ordered(staff, anns[0].user_id, price=f"{count}.00")
    requests = [payment_of(order, amount="1.00", request_id=f"cut-{n}") for n in range(count)]
    ends = await asyncio.gather(
        *(
            cut_off(anns[n % 2], "CreatePayment", each, chance.randint(1, 30))
            for n, each in enumerate(requests)
        )
    )
    assert set(ends) <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in ends
    for each in services:
        assert await all_connections(each.pool)
    made = [await anns[n % 2]("CreatePayment", each) for n, each in enumerate(requests)]
    # What was cut off while the provider was asked is found out by the job.
    due = "UPDATE payment_operations SET due_at = now() WHERE status = 'OPEN' AND order_id = $1"
    await order_pool.execute(due, order.id)
    await services[0].payments.processing.work_off()
    assert (
        await order_pool.fetchval("SELECT count(*) FROM payments WHERE order_id = $1", order.id)
        == count
    )
    found = [await anns[0]("GetPayment", payment(each)) for each in made]
    told = Counter((each.status, each.captured, each.in_progress) for each in found)
    # A charge that the provider never got is given up, and it says so from then on.
    taken, never = (Payment.CAPTURED, "1.00", False), (Payment.DECLINED, "0.00", False)
    assert set(told) <= {taken, never}
    after = await anns[0]("GetOrder", get(order))
    assert after.captured == f"{told[taken]}.00"
    assert (after.status == pb.Order.PAID) == (not told[never])
    assert await as_the_provider_says(order_pool, sandbox, order.id)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("DELETE FROM order_moves WHERE order_id = $1", "moves"),
        ("DELETE FROM promotion_uses WHERE order_id = $1", "uses"),
        ("DELETE FROM order_items WHERE order_id = $1 AND position = 1", "lines"),
        ("DELETE FROM outbox WHERE aggregate_id = $1", "events"),
        (
            "DELETE FROM idempotency_keys WHERE position(convert_to($1, 'UTF8') IN answer) > 0",
            "answers",
        ),
    ],
)
async def test_the_judge_sees_an_order_that_lacks_a_part(
    scene: Scene, order_pool: Pool, statement: str, name: str
) -> None:
    """The control."""
    door, request = scene.call(1)
    order = await door("CreateOrder", request)
    assert await scene.faults(order_pool) == []
    await order_pool.execute(statement, order.id)
    assert any(name in each for each in await scene.faults(order_pool))
