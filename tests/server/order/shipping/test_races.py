"""Nothing is sent twice: many at once, over two replicas, and what holds if the code is wrong."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import grpc
import pytest
import pytest_asyncio

from emporium.order.v1 import shipping_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Fulfilment, Order
from server.kit.postgres import Pool, migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.order.orders.store import orders, rows
from server.order.shipping.rules import shipments
from server.settings import Postgres
from tests.server.conftest import Token
from tests.server.order.doors import Door, adjust, get, update
from tests.server.order.shipping.doing import heard, paid, send, shipments_of
from tests.server.order.stock.ledger import balance
from tests.server.refusals import Refused, refused

_SENT = """
    SELECT position, sum(quantity) AS sent FROM shipment_items
    WHERE order_id = $1 GROUP BY position ORDER BY position
"""
_COUNTED = "SELECT position, shipped FROM order_items WHERE order_id = $1 ORDER BY position"


@pytest.fixture
def packers(replicas: Sequence[grpc.aio.Channel], token: Token, staff: Door) -> Sequence[Door]:
    """The same of staff at each replica."""
    return [Door(each, token("STAFF", staff.user_id), staff.user_id) for each in replicas]


@pytest_asyncio.fixture
async def owner(
    postgres: EmbeddedPostgres, order_database: Postgres
) -> AsyncIterator[asyncpg.Connection]:
    """Who may change the tables."""
    name = order_database.database_url.rpartition("/")[2].partition("?")[0]
    dsn = migrate.dsn(postgres.admin_dsn, f"{name}_owner", "owner-password", name)
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def outcome(call: Any) -> str:
    """Empty, or how a call was refused."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return Refused(error).reason
    return ""


async def sent(pool: Pool, order: Order) -> list[int]:
    """How many of each line the shipments have; the lines have counted the same."""
    found = [(row["position"], row["sent"]) for row in await pool.fetch(_SENT, order.id)]
    counted = [tuple(row) for row in await pool.fetch(_COUNTED, order.id)]
    assert found == [(at, count) for at, count in counted if count]
    return [count for _, count in counted]


async def all_at_once(packers: Sequence[Door], order: Order, count: int) -> Counter[str]:
    """What becomes of so many who each send one of the first line and one of the second."""
    calls = (
        outcome(packers[n % 2]("CreateShipment", send(order, (1, 1), (2, 1)))) for n in range(count)
    )
    return Counter(await asyncio.gather(*calls))


async def test_of_many_at_once_as_many_are_sent_as_were_ordered(
    staff: Door, ann: Door, packers: Sequence[Door], mug: Product, order_pool: Pool
) -> None:
    await staff("AdjustStock", adjust(mug, 100))
    order = await paid(staff, ann, (mug, 8), (mug, 12))
    found = await all_at_once(packers, order, 20)
    assert found == {"": 8, "SHIPMENT_EXCEEDS_ORDER": 12}
    assert await sent(order_pool, order) == [8, 8]
    # And who takes all that is left with who says SHIPPED, and who takes one of it.
    rest = (
        packers[0]("CreateShipment", send(order)),
        packers[1]("UpdateOrder", update(order, status=Order.SHIPPED)),
        packers[0]("CreateShipment", send(order, (2, 1))),
        packers[1]("CreateShipment", send(order)),
    )
    await asyncio.gather(*map(outcome, rest))
    assert await sent(order_pool, order) == [8, 12]
    whole = await ann("GetOrder", get(order))
    assert (whole.status, whole.fulfilment_status) == (Order.SHIPPED, Fulfilment.SHIPPED)
    assert await balance(order_pool, mug.id) == (80, 0)


def unchecked(left: Sequence[int], parts: Any) -> Any:
    """Instead of `packed`: whatever is asked for."""
    return parts


async def test_the_database_refuses_what_the_rule_would_let_pass(
    staff: Door,
    ann: Door,
    packers: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the rule: without it, what the database counts is a limit still."""
    order = await paid(staff, ann, (mug, 3), (mug, 5))
    monkeypatch.setattr("server.order.orders.rules.fulfilling.shipping.packed", unchecked)
    found = await all_at_once(packers, order, 6)
    assert found == {"": 3, "INTERNAL": 3}
    assert await sent(order_pool, order) == [3, 3]


async def test_without_either_more_would_be_sent(
    staff: Door,
    ann: Door,
    packers: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of both: the same calls send too much, and the test above would see it."""
    order = await paid(staff, ann, (mug, 3), (mug, 5))
    monkeypatch.setattr("server.order.orders.rules.fulfilling.shipping.packed", unchecked)
    constraint = "order_items_shipped_is_ordered"
    await owner.execute(f"ALTER TABLE order_items DROP CONSTRAINT {constraint}")
    try:
        assert await all_at_once(packers, order, 6) == {"": 6}
        assert await sent(order_pool, order) == [6, 6]
    finally:
        # So that the constraint can be back: nobody looks at this order any more.
        await owner.execute("UPDATE order_items SET shipped = 0 WHERE shipped > quantity")
        await owner.execute(
            f"ALTER TABLE order_items ADD CONSTRAINT {constraint}"
            " CHECK (shipped BETWEEN 0 AND quantity)"
        )


async def test_lines_that_are_read_before_the_lock_would_be_sent_twice(
    staff: Door,
    ann: Door,
    packers: Sequence[Door],
    mug: Product,
    order_pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of the lock: the lines of the statement that waits for it are old."""
    order = await paid(staff, ann, (mug, 3), (mug, 5))
    lock = "SELECT id FROM orders WHERE id = $1 AND ($2::uuid IS NULL OR user_id = $2) FOR UPDATE"
    assert lock == orders._LOCK

    async def in_one_look(_: Any, unit: Any, order_id: str, owner_scope: str | None) -> Any:
        [row] = await unit.lock(rows.ORDERS, f"{orders._GET} FOR UPDATE", order_id, owner_scope)
        return rows.to_order(row)

    monkeypatch.setattr(orders.PostgresOrderStore, "lock", in_one_look)
    found = await all_at_once(packers, order, 6)
    assert found["INTERNAL"]  # by the constraint; the rule has seen nothing
    assert (await sent(order_pool, order))[0] <= 3


async def test_shipments_that_arrive_at_once_deliver_the_order_once(
    staff: Door, ann: Door, packers: Sequence[Door], mug: Product, order_pool: Pool
) -> None:
    order = await paid(staff, ann, (mug, 10))
    made = [await staff("CreateShipment", send(order, (1, 1))) for _ in range(10)]
    calls = [
        outcome(packers[n % 2]("CreateTrackingEvent", heard(each, pb.Shipment.DELIVERED)))
        for n, each in enumerate(made)
    ]
    assert await asyncio.gather(*calls) == [""] * 10
    assert (await ann("GetOrder", get(order))).status == Order.DELIVERED
    delivered = await order_pool.fetchval(
        "SELECT count(*) FROM order_moves WHERE order_id = $1 AND after = 'DELIVERED'", order.id
    )
    assert delivered == 1


async def test_a_key_that_is_used_at_once_makes_one_shipment(
    staff: Door, ann: Door, packers: Sequence[Door], mug: Product
) -> None:
    order = await paid(staff, ann, (mug, 10))
    request = send(order, (1, 1), request_id=f"key-{order.id}")
    found = await asyncio.gather(*(packers[n % 2]("CreateShipment", request) for n in range(20)))
    assert all(each == found[0] for each in found)
    assert len((await ann("ListShipments", shipments_of(order))).shipments) == 1


async def test_the_last_of_so_many_shipments_takes_all_that_is_left(
    staff: Door, ann: Door, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipments, "SHIPMENTS_MAX", 3)
    monkeypatch.setattr(shipments, "TRACKING_EVENTS_MAX", 2)
    order = await paid(staff, ann, (mug, 10))
    one, _ = [await staff("CreateShipment", send(order, (1, 1))) for _ in range(2)]
    found = await refused(staff("CreateShipment", send(order, (1, 1))))
    assert (found.reason, found.fields) == ("TOO_MANY_SHIPMENTS", ["items"])
    await staff("CreateShipment", send(order))
    for _ in range(2):
        await staff("CreateTrackingEvent", heard(one, pb.Shipment.IN_TRANSIT))
    more = staff("CreateTrackingEvent", heard(one, pb.Shipment.IN_TRANSIT))
    assert (await refused(more)).reason == "TOO_MANY_TRACKING_EVENTS"


@pytest.mark.parametrize("shipped", ["-1", "quantity + 1"])
async def test_a_line_has_not_been_sent_more_often_than_it_was_ordered(
    staff: Door, ann: Door, mug: Product, order_pool: Pool, shipped: str
) -> None:
    order = await paid(staff, ann, (mug, 2))
    with pytest.raises(asyncpg.CheckViolationError):
        await order_pool.execute(
            f"UPDATE order_items SET shipped = {shipped} WHERE order_id = $1", order.id
        )
