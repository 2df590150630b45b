"""Placing orders, many at once and each once, on PostgreSQL."""

import asyncio
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from emporium.order.v1 import order_service_pb2 as pb
from server.kit import errors
from server.kit.context import Key
from server.kit.postgres import Pool
from server.order.app import order_store
from server.order.orders.rules import OrderFilters, OrderNotFound, Placed
from server.order.orders.store.orders import PostgresOrderStore
from tests.server.order.conftest import Wakes
from tests.server.order.orders.store.reading import events_of, page_of
from tests.server.order.samples import line, many, new_id, placed

Store = PostgresOrderStore


class CountingPool:
    """Counts the statements that it hands on, and loses the database after `last` of them."""

    def __init__(self, pool: Pool, last: int = 1_000) -> None:
        self._pool = pool
        self._last = last
        self.statements = 0

    async def execute(self, *statement: Any) -> str:
        self.statements += 1
        if self.statements > self._last:
            raise ConnectionResetError
        return await self._pool.execute(*statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def answer(word: str) -> bytes:
    """What a caller gets, as far as the store cares: an order on the wire."""
    return pb.Order(id=word).SerializeToString()


def key(value: str, body_hash: bytes = b"body") -> Key:
    return Key("ann", "CreateOrder", value, body_hash)


async def test_an_order_and_its_event_are_kept_together(
    orders: Store, order_pool: Pool, wakes: Wakes
) -> None:
    before = wakes.count
    given = placed(line(quantity=2), line("Cup", "1.00", 3))
    await orders.create(given, None, b"")
    assert await events_of(order_pool, given.order) == ["OrderPlaced"]
    assert wakes.count == before + 1


async def test_an_event_that_cannot_be_kept_undoes_its_order(
    orders: Store, order_pool: Pool
) -> None:
    first, second = placed(), placed()
    await orders.create(first, None, b"")
    clash = second._replace(event=replace(second.event, id=first.event.id))
    with pytest.raises(asyncpg.UniqueViolationError):
        await orders.create(clash, None, b"")
    with pytest.raises(OrderNotFound):
        await orders.get(second.order.id, None)


async def test_orders_placed_at_once_are_all_kept(orders: Store, order_pool: Pool) -> None:
    owner = str(uuid.uuid4())
    made = many(200, user_id=owner)
    keys = [key(new_id()) if number % 2 else None for number in range(200)]
    answers = await asyncio.gather(
        *(
            orders.create(each, its_key, answer(each.order.id))
            for each, its_key in zip(made, keys, strict=True)
        )
    )
    assert answers == [answer(each.order.id) for each in made]
    for each in made:
        assert await orders.get(each.order.id, owner) == each.order
    assert await events_of(order_pool, made[-1].order) == ["OrderPlaced"]


async def test_one_bad_order_takes_no_other_with_it(orders: Store) -> None:
    made = list(many(20))
    made[7] = made[7]._replace(order=replace(made[7].order, currency="pounds"))
    used = key(new_id())
    await orders.create(placed(), used, answer("first"))
    keys = {3: used, 5: replace(used, body_hash=b"other")}
    outcomes = await asyncio.gather(
        *(orders.create(each, keys.get(number), answer("new")) for number, each in enumerate(made)),
        return_exceptions=True,
    )
    assert isinstance(outcomes.pop(7), asyncpg.CheckViolationError)
    assert isinstance(outcomes.pop(5), errors.IdempotencyKeyReused)
    assert outcomes.pop(3) == answer("first")
    assert set(outcomes) == {answer("new")}
    for number, each in enumerate(made):
        if number not in {3, 5, 7}:
            assert await orders.get(each.order.id, None) == each.order


async def test_one_bad_order_costs_few_statements(order_pool: Pool) -> None:
    made = list(many(64))
    made[40] = made[40]._replace(order=replace(made[40].order, currency="pounds"))
    counting = CountingPool(order_pool)
    outcomes = await all_placed(counting, made)
    assert isinstance(outcomes.pop(40), asyncpg.CheckViolationError)
    assert set(outcomes) == {answer("new")}
    assert counting.statements == 1 + 2 * 6


async def test_a_database_that_goes_away_fails_only_what_was_not_kept(order_pool: Pool) -> None:
    made = list(many(4))
    made[3] = made[3]._replace(order=replace(made[3].order, currency="pounds"))
    # Two statements get through: all four orders, and the half that is kept.
    outcomes = await all_placed(CountingPool(order_pool, last=2), made)
    assert outcomes[:2] == [answer("new")] * 2
    assert [type(outcome) for outcome in outcomes[2:]] == [errors.Unavailable] * 2


async def test_a_repeat_gets_the_first_answer_and_places_nothing(
    orders: Store, order_pool: Pool, wakes: Wakes
) -> None:
    once, repeat = placed(), placed()
    its_key = key(new_id())
    assert await orders.create(once, its_key, answer("first")) == answer("first")
    before = wakes.count
    assert await orders.create(repeat, its_key, answer("second")) == answer("first")
    with pytest.raises(OrderNotFound):
        await orders.get(repeat.order.id, None)
    assert await events_of(order_pool, repeat.order) == []
    assert wakes.count == before


async def test_the_same_key_with_another_body_is_refused(orders: Store) -> None:
    its_key = key(new_id())
    await orders.create(placed(), its_key, answer("first"))
    with pytest.raises(errors.IdempotencyKeyReused):
        await orders.create(placed(), replace(its_key, body_hash=b"other"), answer("second"))


async def test_ten_at_once_with_one_key_place_one_order(orders: Store) -> None:
    owner, its_key = str(uuid.uuid4()), key(new_id())
    attempts = [placed(user_id=owner) for _ in range(10)]
    answers = await asyncio.gather(
        *(orders.create(each, its_key, answer(each.order.id)) for each in attempts)
    )
    page = await orders.list(OrderFilters(user_id=owner), page_of())
    assert [answer(listed.order.id) for listed in page.rows] == list(set(answers))


@pytest.mark.parametrize(
    "broken",
    [
        {"total_price": Decimal("1.00")},
        {"subtotal": Decimal("-1.00"), "total_price": Decimal("-1.00")},
        {"tax": Decimal("NaN"), "total_price": Decimal("NaN")},
        {"currency": "pounds"},
    ],
)
async def test_the_database_takes_no_order_that_does_not_add_up(
    orders: Store, broken: dict[str, Any]
) -> None:
    given = placed()
    given = given._replace(order=replace(given.order, **broken))
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.create(given, None, b"")


async def all_placed(pool: Any, made: list[Placed]) -> list[bytes | BaseException]:
    placing = order_store(pool, lambda: None)
    return await asyncio.gather(
        *(placing.create(each, None, answer("new")) for each in made), return_exceptions=True
    )
