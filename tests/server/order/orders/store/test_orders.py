"""The contract of `OrderStore`, on PostgreSQL."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from server.kit import errors, postgres
from server.kit.listing.paging import Sort
from server.kit.postgres import Pool
from server.order.app import order_store
from server.order.catalog.rules import Offer
from server.order.orders.rules import (
    Address,
    Changed,
    Edit,
    Line,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    Placed,
    Status,
    deleted,
    edited,
)
from server.order.orders.rules.moving import IllegalStatusMove
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Postgres
from tests.server.order.orders.store.reading import events_of, page_of
from tests.server.order.samples import NOW, act, line, new_id, placed

HOME = Address("Ann Example", "1 High Street", "Leeds", "LS1 1AA", "GB")
Store = PostgresOrderStore


async def create(store: Store, given: Placed) -> Order:
    await store.create(given, None, b"")
    return given.order


async def test_what_is_created_is_read_again_to_the_last_digit(orders: Store) -> None:
    product_id = new_id()
    given = placed(
        Line(product_id, "White mug", Decimal("2.55"), 3),
        line("Postage ✉", "0.00"),
        shipping_address=HOME,
        order_date=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        currency="EUR",
        offers={product_id: Offer("White mug", Decimal("2.95"), "EUR")},
    )
    order = await create(orders, given)
    assert await orders.get(order.id, None) == order
    assert order.items[0].product_id == product_id


async def test_a_thousand_lines_keep_their_order(orders: Store) -> None:
    order = await create(orders, placed(*(line(f"Line {n}", quantity=n) for n in range(1, 1001))))
    assert (await orders.get(order.id, None)).items == order.items


async def test_a_foreign_order_is_not_there(orders: Store) -> None:
    order = await create(orders, placed())
    stranger = str(uuid.uuid4())
    assert (await orders.get(order.id, order.user_id)).id == order.id
    assert await orders.user_of(order.id, order.user_id) == order.user_id
    for attempt in (
        orders.get(order.id, stranger),
        orders.user_of(order.id, stranger),
        orders.update(order.id, stranger, lambda order: Changed(order, None)),
        orders.delete(order.id, stranger, lambda order: deleted(order, "", act())),
    ):
        with pytest.raises(OrderNotFound):
            await attempt
    assert await orders.get(order.id, None) == order


async def test_an_update_keeps_the_change_and_tells_of_it(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())
    address = await orders.update(
        order.id, None, lambda was: edited(was, Edit({"shipping_address": HOME}, ""), act())
    )
    assert address.shipping_address == HOME
    assert await events_of(order_pool, order) == ["OrderPlaced", "OrderUpdated"]

    cancelled = await orders.update(
        order.id,
        order.user_id,
        lambda was: edited(was, Edit({"status": Status.CANCELLED}, ""), act()),
    )
    assert await orders.get(order.id, None) == cancelled
    assert (cancelled.status, cancelled.version) == (Status.CANCELLED, 3)
    expected = ["OrderPlaced", "OrderUpdated", "OrderCancelled"]
    assert await events_of(order_pool, order) == expected


async def test_an_update_that_is_refused_changes_nothing(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())
    with pytest.raises(IllegalStatusMove):
        await orders.update(
            order.id,
            None,
            lambda was: edited(was, Edit({"status": Status.DELIVERED}, ""), act()),
        )
    assert await orders.get(order.id, None) == order
    assert await events_of(order_pool, order) == ["OrderPlaced"]


async def test_of_many_who_cancel_at_once_one_wins(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())

    async def cancel() -> Order:
        edit = Edit({"status": Status.CANCELLED}, order.etag)
        return await orders.update(order.id, None, lambda was: edited(was, edit, act()))

    outcomes = await asyncio.gather(*(cancel() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, errors.Outdated) for outcome in outcomes) == 9
    assert await events_of(order_pool, order) == ["OrderPlaced", "OrderCancelled"]


async def test_a_repeated_cancel_changes_and_tells_nothing(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())
    edit = Edit({"status": Status.CANCELLED}, "")
    first, second = [
        await orders.update(order.id, None, lambda was: edited(was, edit, act())) for _ in range(2)
    ]
    assert first == second == await orders.get(order.id, None)
    assert await events_of(order_pool, order) == ["OrderPlaced", "OrderCancelled"]


async def test_an_update_runs_again_after_a_deadlock(orders: Store) -> None:
    order = await create(orders, placed())
    tries = 0

    def unlucky(was: Order) -> Changed:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncpg.DeadlockDetectedError("as the database would say it")
        return edited(was, Edit({"status": Status.PAID}, ""), act())

    assert (await orders.update(order.id, None, unlucky)).status is Status.PAID
    assert tries == 2


async def test_an_update_that_is_always_unlucky_is_a_conflict(orders: Store) -> None:
    order = await create(orders, placed())

    def doomed(was: Order) -> Changed:
        raise asyncpg.SerializationError("as the database would say it")

    with pytest.raises(errors.Conflict):
        await orders.update(order.id, None, doomed)


async def test_a_deleted_order_is_gone_with_its_items_and_told(
    orders: Store, order_pool: Pool
) -> None:
    order = await create(orders, placed())
    await orders.delete(order.id, None, lambda was: deleted(was, "", act()))
    with pytest.raises(OrderNotFound):
        await orders.get(order.id, None)
    assert (
        await order_pool.fetchval("SELECT count(*) FROM order_items WHERE order_id = $1", order.id)
        == 0
    )
    assert await events_of(order_pool, order) == ["OrderPlaced", "OrderDeleted"]


@pytest.mark.parametrize("field", ["order_date", "created_at", "total_price"])
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_run_through_ties_without_gap_or_repeat(
    orders: Store, field: str, descending: bool
) -> None:
    owner, moment = str(uuid.uuid4()), NOW
    made = []
    for number in range(23):
        moment += timedelta(seconds=number % 5 == 0)
        given = placed(line(price=f"{number // 6}.00"), user_id=owner, now=moment)
        made.append(await create(orders, given))
    expected = sorted(made, key=lambda order: (getattr(order, field), order.id), reverse=descending)

    seen: list[Order] = []
    after = None
    while True:
        query = page_of(Sort(field, descending), per_page=4, after=after)
        page = await orders.list(OrderFilters(user_id=owner), query)
        seen += [listed.order for listed in page.rows]
        assert page.total.count == 23
        after = page.next_after
        if after is None:
            break
    assert seen == expected


async def test_filters_narrow_the_list(orders: Store) -> None:
    owner = str(uuid.uuid4())
    days = [NOW + timedelta(days=number) for number in range(4)]
    made = [await create(orders, placed(user_id=owner, order_date=day)) for day in days]
    await orders.update(
        made[1].id, None, lambda was: edited(was, Edit({"status": Status.PAID}, ""), act())
    )

    async def listed(**filters: Any) -> list[int]:
        page = await orders.list(OrderFilters(user_id=owner, **filters), page_of())
        ids = [order.id for order in made]
        return [ids.index(listed.order.id) for listed in page.rows]

    assert await listed() == [3, 2, 1, 0]
    assert await listed(status=Status.PAID) == [1]
    assert await listed(placed_after=days[1]) == [3, 2, 1]
    assert await listed(placed_before=days[1]) == [0]
    assert await listed(placed_after=days[1], placed_before=days[3]) == [2, 1]
    assert await listed(status=Status.REFUNDED) == []


async def test_a_closed_store_is_unavailable(order_database: Postgres) -> None:
    async with postgres.connected(order_database) as pool:
        closed = order_store(pool, lambda: None)
    given = placed()

    def keep(order: Order) -> Changed:
        return Changed(order, None)

    def end(order: Order) -> OrderEvent:
        return deleted(order, "", act())

    for attempt in (
        closed.create(given, None, b""),
        closed.get(given.order.id, None),
        closed.user_of(given.order.id, None),
        closed.list(OrderFilters(), page_of()),
        closed.update(given.order.id, None, keep),
        closed.delete(given.order.id, None, end),
    ):
        with pytest.raises(errors.Unavailable):
            await attempt
