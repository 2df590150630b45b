"""The contract of `OrderStore`, on PostgreSQL."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from emporium.analytics.v1.event_service_pb2 import OrderEvent as EventMessage
from server.kit import errors, postgres
from server.kit.idempotency import Key
from server.kit.paging import After, PageQuery, Sort
from server.kit.postgres import Pool
from server.order.rules import (
    Address,
    Changed,
    Edit,
    Line,
    Offer,
    Order,
    OrderEvent,
    OrderFilters,
    OrderNotFound,
    Placed,
    Status,
    deleted,
    edited,
)
from server.order.rules.changes import IllegalStatusMove
from server.order.store.orders import PostgresOrderStore
from server.order.wire import events
from server.settings import Postgres
from tests.server.order.conftest import Bell
from tests.server.order.samples import NOW, line, many, new_id, placed

HOME = Address("Ann Example", "1 High Street", "Leeds", "LS1 1AA", "GB")
LATEST_FIRST = Sort("order_date", descending=True)
Store = PostgresOrderStore


def page_of(sort: Sort = LATEST_FIRST, per_page: int = 20, after: After | None = None) -> PageQuery:
    return PageQuery(sort, per_page, 1, after, None, "")


async def create(store: Store, given: Placed) -> Order:
    await store.create(given, None, b"")
    return given.order


async def events_of(pool: Pool, order: Order) -> list[str]:
    told = [
        EventMessage.FromString(row["payload"])
        for row in await pool.fetch("SELECT payload FROM outbox ORDER BY id")
    ]
    return [EventMessage.Kind.Name(each.kind) for each in told if each.order_id == order.id]


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


async def test_an_order_and_its_event_are_kept_together(
    orders: Store, order_pool: Pool, bell: Bell
) -> None:
    rings = bell.rings
    order = await create(orders, placed(line(quantity=2), line("Cup", "1.00", 3)))
    assert await events_of(order_pool, order) == ["PLACED"]
    assert bell.rings == rings + 1


async def test_an_event_that_cannot_be_kept_undoes_its_order(
    orders: Store, order_pool: Pool
) -> None:
    first, second = placed(), placed()
    await create(orders, first)
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
            orders.create(each, its_key, each.order.id.encode())
            for each, its_key in zip(made, keys, strict=True)
        )
    )
    assert answers == [each.order.id.encode() for each in made]
    for each in made:
        assert await orders.get(each.order.id, owner) == each.order
    assert await events_of(order_pool, made[-1].order) == ["PLACED"]


async def test_one_bad_order_takes_no_other_with_it(orders: Store) -> None:
    made = list(many(20))
    made[7] = made[7]._replace(order=replace(made[7].order, currency="pounds"))
    used = key(new_id())
    await orders.create(placed(), used, b"first")
    keys = {3: used, 5: replace(used, body_hash=b"other")}
    outcomes = await asyncio.gather(
        *(orders.create(each, keys.get(number), b"new") for number, each in enumerate(made)),
        return_exceptions=True,
    )
    assert isinstance(outcomes.pop(7), asyncpg.CheckViolationError)
    assert isinstance(outcomes.pop(5), errors.IdempotencyKeyReused)
    assert outcomes.pop(3) == b"first"
    assert set(outcomes) == {b"new"}
    for number, each in enumerate(made):
        if number not in {3, 5, 7}:
            assert await orders.get(each.order.id, None) == each.order


async def test_a_foreign_order_is_not_there(orders: Store) -> None:
    order = await create(orders, placed())
    stranger = str(uuid.uuid4())
    assert (await orders.get(order.id, order.user_id)).id == order.id
    for attempt in (
        orders.get(order.id, stranger),
        orders.update(order.id, stranger, lambda order: Changed(order, None)),
        orders.delete(order.id, stranger, lambda order: deleted(order, "", new_id(), NOW)),
    ):
        with pytest.raises(OrderNotFound):
            await attempt
    assert await orders.get(order.id, None) == order


async def test_an_update_keeps_the_change_and_tells_of_it(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())
    address = await orders.update(
        order.id, None, lambda was: edited(was, Edit({"shipping_address": HOME}, ""), new_id(), NOW)
    )
    assert address.shipping_address == HOME
    assert await events_of(order_pool, order) == ["PLACED"]

    cancelled = await orders.update(
        order.id,
        order.user_id,
        lambda was: edited(was, Edit({"status": Status.CANCELLED}, ""), new_id(), NOW),
    )
    assert await orders.get(order.id, None) == cancelled
    assert (cancelled.status, cancelled.version) == (Status.CANCELLED, 3)
    assert await events_of(order_pool, order) == ["PLACED", "CANCELLED"]


async def test_an_update_that_is_refused_changes_nothing(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())
    with pytest.raises(IllegalStatusMove):
        await orders.update(
            order.id,
            None,
            lambda was: edited(was, Edit({"status": Status.DELIVERED}, ""), new_id(), NOW),
        )
    assert await orders.get(order.id, None) == order
    assert await events_of(order_pool, order) == ["PLACED"]


async def test_of_many_who_cancel_at_once_one_wins(orders: Store, order_pool: Pool) -> None:
    order = await create(orders, placed())

    async def cancel() -> Order:
        edit = Edit({"status": Status.CANCELLED}, order.etag)
        return await orders.update(order.id, None, lambda was: edited(was, edit, new_id(), NOW))

    outcomes = await asyncio.gather(*(cancel() for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, errors.Outdated) for outcome in outcomes) == 9
    assert await events_of(order_pool, order) == ["PLACED", "CANCELLED"]


async def test_an_update_runs_again_after_a_deadlock(orders: Store) -> None:
    order = await create(orders, placed())
    tries = 0

    def unlucky(was: Order) -> Changed:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncpg.DeadlockDetectedError("as the database would say it")
        return edited(was, Edit({"status": Status.PAID}, ""), new_id(), NOW)

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
    await orders.delete(order.id, None, lambda was: deleted(was, "", new_id(), NOW))
    with pytest.raises(OrderNotFound):
        await orders.get(order.id, None)
    assert (
        await order_pool.fetchval("SELECT count(*) FROM order_items WHERE order_id = $1", order.id)
        == 0
    )
    assert await events_of(order_pool, order) == ["PLACED", "DELETED"]


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
        seen += page.rows
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
        made[1].id, None, lambda was: edited(was, Edit({"status": Status.PAID}, ""), new_id(), NOW)
    )

    async def listed(**filters: object) -> list[int]:
        page = await orders.list(OrderFilters(user_id=owner, **filters), page_of())  # type: ignore[arg-type]
        ids = [order.id for order in made]
        return [ids.index(order.id) for order in page.rows]

    assert await listed() == [3, 2, 1, 0]
    assert await listed(status=Status.PAID) == [1]
    assert await listed(placed_after=days[1]) == [3, 2, 1]
    assert await listed(placed_before=days[1]) == [0]
    assert await listed(placed_after=days[1], placed_before=days[3]) == [2, 1]
    assert await listed(status=Status.REFUNDED) == []


def key(value: str, body_hash: bytes = b"body") -> Key:
    return Key("ann", "CreateOrder", value, body_hash)


async def test_a_repeat_gets_the_first_answer_and_places_nothing(
    orders: Store, order_pool: Pool, bell: Bell
) -> None:
    once, repeat = placed(), placed()
    its_key = key(new_id())
    assert await orders.create(once, its_key, b"first") == b"first"
    rings = bell.rings
    assert await orders.create(repeat, its_key, b"second") == b"first"
    with pytest.raises(OrderNotFound):
        await orders.get(repeat.order.id, None)
    assert await events_of(order_pool, repeat.order) == []
    assert bell.rings == rings


async def test_the_same_key_with_another_body_is_refused(orders: Store) -> None:
    its_key = key(new_id())
    await orders.create(placed(), its_key, b"first")
    with pytest.raises(errors.IdempotencyKeyReused):
        await orders.create(placed(), replace(its_key, body_hash=b"other"), b"second")


async def test_ten_at_once_with_one_key_place_one_order(orders: Store) -> None:
    owner, its_key = str(uuid.uuid4()), key(new_id())
    attempts = [placed(user_id=owner) for _ in range(10)]
    answers = await asyncio.gather(
        *(orders.create(each, its_key, each.order.id.encode()) for each in attempts)
    )
    page = await orders.list(OrderFilters(user_id=owner), page_of())
    assert [order.id.encode() for order in page.rows] == list(set(answers))


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
    orders: Store, broken: dict[str, object]
) -> None:
    given = placed()
    given = given._replace(order=replace(given.order, **broken))  # type: ignore[arg-type]
    with pytest.raises(asyncpg.CheckViolationError):
        await orders.create(given, None, b"")


async def test_a_closed_store_is_unavailable(order_database: Postgres) -> None:
    async with postgres.connected(order_database) as pool:
        closed = PostgresOrderStore(pool, events.to_bytes, ring=lambda: None)
    given = placed()

    def keep(order: Order) -> Changed:
        return Changed(order, None)

    def end(order: Order) -> OrderEvent:
        return deleted(order, "", new_id(), NOW)

    for attempt in (
        closed.create(given, None, b""),
        closed.get(given.order.id, None),
        closed.list(OrderFilters(), page_of()),
        closed.update(given.order.id, None, keep),
        closed.delete(given.order.id, None, end),
    ):
        with pytest.raises(errors.Unavailable):
            await attempt
