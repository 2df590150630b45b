"""Orders are found by the numbers that people read out, by those who may see them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as pb
from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.order.orders import rules, service
from server.order.orders.store.orders import PostgresOrderStore
from server.settings import Postgres
from tests.server.order.doors import Door, get, item, order_of
from tests.server.order.samples import placed
from tests.server.refusals import refused


async def test_an_order_is_found_by_its_number_however_it_is_typed(
    ann: Door, bob: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    made = [await ann("CreateOrder", order_of(item(mug))) for _ in range(2)]
    order = made[0]
    assert order.number != made[1].number
    assert (await ann("GetOrder", get(order))).number == order.number
    typed = order.number.lower().replace("-", "").replace("0", "o")
    for door in (ann, staff):
        found = await door("ListOrders", pb.ListOrdersRequest(number=typed, sort="created_at:asc"))
        assert ([each.id for each in found.orders], found.meta.total) == ([order.id], 1)
    of_ann = pb.ListUserOrdersRequest(user_id=ann.user_id, number=typed, status="pending")
    assert [each.id for each in (await staff("ListUserOrders", of_ann)).orders] == [order.id]
    foreign = await bob("ListOrders", pb.ListOrdersRequest(number=typed))
    assert (list(foreign.orders), foreign.meta.total) == ([], 0)


async def test_a_mistyped_number_is_refused_by_name(ann: Door) -> None:
    error = await refused(ann("ListOrders", pb.ListOrdersRequest(number="3JZ-9J6-GMP")))
    assert (error.reason, error.fields) == ("ORDER_NUMBER_MISTYPED", ["number"])
    nobodys = await ann("ListOrders", pb.ListOrdersRequest(number="3JZ-9J6-GMQ"))
    assert list(nobodys.orders) == []


async def test_a_number_that_another_order_has_is_drawn_again(
    ann: Door, mug: catalog_pb.Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([5, 5, 6])
    monkeypatch.setattr(service, "_new_number", lambda: next(drawn))
    numbers = [(await ann("CreateOrder", order_of(item(mug)))).number for _ in range(2)]
    assert numbers == [rules.spelled(5), rules.spelled(6)]


@pytest_asyncio.fixture
async def unchecked(
    postgres: EmbeddedPostgres, order_database: Postgres
) -> AsyncIterator[asyncpg.Connection]:
    """While a test runs, the database lets two orders have one number."""
    name = order_database.database_url.rpartition("/")[2].partition("?")[0]
    dsn = migrate.dsn(postgres.admin_dsn, f"{name}_owner", "owner-password", name)
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE orders DROP CONSTRAINT orders_number_is_unique")
    yield connection
    await connection.execute(
        "DELETE FROM order_items USING orders WHERE order_id = id AND number = 8"
    )
    await connection.execute("DELETE FROM orders WHERE number = 8")
    await connection.execute(
        "ALTER TABLE orders ADD CONSTRAINT orders_number_is_unique UNIQUE (number)"
    )
    await connection.close()


async def placed_at_once(orders: PostgresOrderStore, number: int) -> Counter[str]:
    made = [orders.create(placed(number=number), None, b"") for _ in range(8)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    return Counter(type(each).__name__ for each in outcomes)


async def test_of_many_orders_at_once_with_one_number_one_has_it(
    orders: PostgresOrderStore,
) -> None:
    assert await placed_at_once(orders, 7) == {"bytes": 1, "OrderNumberTaken": 7}


@pytest.mark.usefixtures("unchecked")
async def test_that_numbers_are_unique_is_kept_by_the_database(orders: PostgresOrderStore) -> None:
    assert await placed_at_once(orders, 8) == {"bytes": 8}
