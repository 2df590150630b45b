"""Nothing is sold twice: many buyers at once, over two replicas, and calls that are cut off."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc
import pytest

from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import CreateOrderRequest, Order
from server.kit.postgres import Pool
from server.order.stock.store import moves
from server.order.stock.store.rows import to_stock
from server.settings import Postgres
from tests.effort import Effort
from tests.server.order.doors import Door, adjust, item, new_product, order_of, update
from tests.server.order.stock.ledger import balance, of_orders
from tests.server.refusals import Refused

_IDS = "SELECT id::text FROM orders WHERE id = ANY($1)"


async def outcome(call: Any) -> Any:
    """What a call gave, or how it was refused."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return Refused(error)


async def products(staff: Door, count: int, on_hand: int) -> list[Product]:
    made = [await staff("CreateProduct", new_product()) for _ in range(count)]
    for each in made:
        await staff("AdjustStock", adjust(each, on_hand))
    return made


async def bought(buyers: Sequence[Door], requests: Sequence[CreateOrderRequest]) -> list[Any]:
    """What becomes of the requests, all at once, by turns at each replica."""
    return await asyncio.gather(
        *(
            outcome(buyers[n % len(buyers)]("CreateOrder", request))
            for n, request in enumerate(requests)
        )
    )


async def test_many_buyers_of_one_product_get_what_there_is_and_no_more(
    staff: Door, buyers: Sequence[Door], mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 40))
    found = await bought(buyers, [order_of(item(mug))] * 200)
    orders = [each for each in found if isinstance(each, Order)]
    refusals = Counter(each.reason for each in found if not isinstance(each, Order))
    assert (len(orders), refusals) == (40, {"OUT_OF_STOCK": 160})
    assert await balance(order_pool, mug.id) == (40, 40)
    # Half of them are paid, and half cancelled, while others want to buy.
    moves_ = [
        outcome(staff("UpdateOrder", update(order, status=status)))
        for n, order in enumerate(orders)
        for status in [Order.PAID if n % 2 else Order.CANCELLED]
    ]
    moved, later = await asyncio.gather(
        asyncio.gather(*moves_), bought(buyers, [order_of(item(mug))] * 60)
    )
    assert all(isinstance(each, Order) for each in moved)
    on_hand, reserved = await balance(order_pool, mug.id)
    sold = 20
    assert on_hand == 40 - sold
    assert reserved == sum(isinstance(each, Order) for each in later) <= 20


async def test_baskets_in_any_order_meet_in_no_deadlock(
    staff: Door, buyers: Sequence[Door], order_pool: Pool, effort: Effort
) -> None:
    chance = random.Random(effort.seed)
    shelf = await products(staff, 8, 50)
    # Long ones are placed alone, in transactions beside the others.
    requests = [
        order_of(*(item(each) for each in chance.choices(shelf, k=chance.choice([5, 5, 25]))))
        for _ in range(120)
    ]
    before = await deadlocks(order_pool)
    found = await bought(buyers, requests)
    orders = {each.id: each for each in found if isinstance(each, Order)}
    others = {each.reason for each in found if not isinstance(each, Order)}
    assert orders
    assert others <= {"OUT_OF_STOCK"}
    ended = [
        outcome(staff("UpdateOrder", update(each, status=Order.CANCELLED)))
        for each in [*orders.values()][::2]
    ]
    paid = [
        outcome(staff("UpdateOrder", update(each, status=Order.PAID)))
        for each in [*orders.values()][1::2]
    ]
    moved = await asyncio.gather(*ended, *paid, *[bought(buyers, requests[:40])])
    assert all(isinstance(each, Order) for each in moved[:-1])
    for each in shelf:
        on_hand, reserved = await balance(order_pool, each.id)
        assert 0 <= reserved <= on_hand <= 50
    assert await deadlocks(order_pool) == before


async def deadlocks(pool: Pool) -> int:
    await pool.fetchval("SELECT pg_stat_clear_snapshot()")
    count: int = await pool.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return count


async def test_without_the_order_of_locks_baskets_would_deadlock(
    order_database: Postgres, staff: Door
) -> None:
    """The control: the statement without its ORDER BY, of two baskets the other way round."""
    first, second = sorted((await products(staff, 2, 5)), key=lambda each: each.id)
    one, other = [await asyncpg.connect(order_database.database_url) for _ in range(2)]
    ordered = moves._LOCK_ALL
    assert "ORDER BY product_id" in ordered

    async def both(statements: Sequence[str]) -> int:
        """How many of two transactions end well that lock by steps, as rows would be found."""
        met = asyncio.Barrier(2)

        async def lock(connection: Any, ids: Sequence[str]) -> None:
            async with connection.transaction():
                for n, statement in enumerate(statements):
                    wanted = ids if len(statements) == 1 else [ids[n]]
                    await connection.fetch(statement, wanted)
                    if len(statements) > 1 and n == 0:
                        await met.wait()

        ends = await asyncio.gather(
            lock(one, [first.id, second.id]),
            lock(other, [second.id, first.id]),
            return_exceptions=True,
        )
        return sum(end is None for end in ends)

    assert await both([ordered]) == 2
    assert await both([ordered, ordered]) == 1
    for each in (one, other):
        await each.close()


async def test_an_order_exists_if_and_only_if_what_it_reserves_does(
    staff: Door, buyers: Sequence[Door], order_pool: Pool
) -> None:
    """With deadlines from 1 to 30 ms; and a repeat under the key tells the truth."""
    shelf = await products(staff, 3, 1_000)
    keys = [uuid.uuid4().hex for _ in range(90)]
    ends: Counter[grpc.StatusCode] = Counter()

    async def cut(n: int) -> None:
        request = order_of(*(item(each) for each in shelf), request_id=keys[n])
        door = buyers[n % 2]
        stub: Any = door._orders
        call = stub.CreateOrder(request, metadata=door._metadata, timeout=(n % 30 + 1) / 1_000)
        ends[await call.code()] += 1

    for part in range(0, 90, 30):
        await asyncio.gather(*(cut(n) for n in range(part, part + 30)))
    assert set(ends) <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert ends[grpc.StatusCode.DEADLINE_EXCEEDED]
    answers = [
        await buyers[n % 2](
            "CreateOrder", order_of(*(item(each) for each in shelf), request_id=key)
        )
        for n, key in enumerate(keys)
    ]
    held = await of_orders(order_pool, *(each.id for each in shelf))
    assert held == {answer.id: (3, 0) for answer in answers}
    found = await order_pool.fetch(_IDS, [*held])
    assert {row["id"] for row in found} == {*held}
    for each in shelf:
        assert await balance(order_pool, each.id) == (1_000, 90)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("on_hand = -1, reserved = -1", "stock_on_hand_is_there"),
        ("reserved = -1", "stock_reserved_is_counted"),
        ("reserved = on_hand + 1", "stock_reserved_is_there"),
        ("on_hand = 0, reserved = 1, backorders = false", "stock_reserved_is_there"),
    ],
)
async def test_the_database_holds_when_the_code_is_wrong(
    staff: Door, mug: Product, order_pool: Pool, change: str, constraint: str
) -> None:
    await staff("AdjustStock", adjust(mug, 3))
    with pytest.raises(asyncpg.CheckViolationError) as raised:
        await order_pool.execute(f"UPDATE stock SET {change} WHERE product_id = $1", mug.id)
    assert raised.value.constraint_name == constraint


async def test_rules_that_forget_to_look_are_stopped_by_the_database(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await staff("AdjustStock", adjust(mug, 1))
    monkeypatch.setattr("server.order.stock.rules.orders._left", lambda stock: 1_000)
    found = await outcome(ann("CreateOrder", order_of(item(mug, 2))))
    assert found.reason == "INTERNAL"
    assert await balance(order_pool, mug.id) == (1, 0)


async def test_without_its_lock_a_stock_would_be_sold_twice(
    staff: Door,
    buyers: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the first test: where rows are read and not locked, the ledger breaks."""
    await staff("AdjustStock", adjust(mug, 500))

    async def unlocked(self: Any, unit: Any, statement: str, product_ids: set[str]) -> Any:
        rows = await unit.fetch(statement.replace(" FOR UPDATE", ""), product_ids)
        await asyncio.sleep(0)
        return {stock.product_id: stock for stock in map(to_stock, rows)}

    monkeypatch.setattr(moves.StockMoves, "_locked", unlocked)
    # Each is long, so it is placed alone, beside the others.
    found = await bought(buyers, [order_of(*[item(mug)] * 25)] * 4)
    # Two have the same number in the ledger, which its key refuses.
    assert "INTERNAL" in {each.reason for each in found if not isinstance(each, Order)}
