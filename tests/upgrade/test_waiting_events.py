"""The order service's step 0003: what waited in the old outbox becomes domain events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest_asyncio

from emporium.order.v1 import events_pb2
from emporium.order.v1.order_service_pb2 import Order
from server.kit.postgres import migrate
from server.services import ORDER
from tests.upgrade.conftest import Home, NewHome

MIGRATIONS = ORDER.migrations_folder("postgres")

Facts = dict[str, Any]
Rows = list[asyncpg.Record]

EVENTS = """
    SELECT outbox.*, deliveries.destination
    FROM outbox JOIN outbox_deliveries AS deliveries USING (position) ORDER BY position
"""
OLD = "SELECT id, payload, created_at FROM outbox ORDER BY id"
OLD_DEAD = "SELECT * FROM outbox_dead_letters"


@pytest_asyncio.fixture
async def home(new_home: NewHome) -> AsyncIterator[Home]:
    yield await new_home()


async def fetch(home: Home, query: str) -> Rows:
    connection = await asyncpg.connect(home.order_owner)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def upgrade(home: Home) -> None:
    await asyncio.to_thread(migrate.upgrade, home.order_owner, MIGRATIONS, "0003")


def order_in(event: asyncpg.Record) -> Order:
    message = getattr(events_pb2, event["event_type"].removeprefix("emporium.order.v1."))
    parsed = message.FromString(event["payload"])
    assert parsed.SerializeToString() == event["payload"]  # nothing that the contract does not know
    order: Order = parsed.order
    return order


async def test_every_event_keeps_its_id_and_becomes_what_it_told_of(
    home: Home, facts: Facts
) -> None:
    await upgrade(home)
    events = await fetch(home, EVENTS)
    was = [*facts["waiting"], facts["dead_letter"]]
    assert {
        (str(event["id"]), event["event_type"], str(event["aggregate_id"])) for event in events
    } == {
        (old["id"], f"emporium.order.v1.Order{old['kind'].title()}", old["order_id"]) for old in was
    }
    assert {(event["aggregate_type"], event["destination"]) for event in events} == {
        ("order", "analytics")
    }


async def test_an_order_that_is_still_there_is_told_whole(home: Home) -> None:
    await upgrade(home)
    orders = {row["id"]: row for row in await fetch(home, "SELECT * FROM orders")}
    items = await fetch(home, "SELECT * FROM order_items ORDER BY order_id, position")
    events = [event for event in await fetch(home, EVENTS) if event["aggregate_id"] in orders]
    assert events
    for event in events:
        order, row = order_in(event), orders[event["aggregate_id"]]
        assert (order.id, order.user_id) == (str(row["id"]), str(row["user_id"]))
        assert order.total_price == str(row["total_price"])
        assert (order.currency, order.subtotal) == (row["currency"], str(row["subtotal"]))
        assert order.HasField("shipping_address") is (row["shipping_address"] is not None)
        assert [(line.product_name, line.unit_price, line.quantity) for line in order.items] == [
            (line["product_name"], str(line["unit_price"]), line["quantity"])
            for line in items
            if line["order_id"] == row["id"]
        ]
        assert order.order_date.ToDatetime(row["order_date"].tzinfo) == row["order_date"]
        assert order.etag == str(event["aggregate_version"])


async def test_an_order_that_is_gone_keeps_its_figures(home: Home) -> None:
    await upgrade(home)
    there = {row["id"] for row in await fetch(home, "SELECT id FROM orders")}
    gone = [event for event in await fetch(home, EVENTS) if event["aggregate_id"] not in there]
    figures = {
        (
            event["event_type"].rpartition(".")[2],
            Order.Status.Name(order_in(event).status),
            order_in(event).total_price,
            sum(line.quantity for line in order_in(event).items),
        )
        for event in gone
    }
    assert figures == {
        ("OrderPlaced", "PENDING", "159.60", 4),
        ("OrderDeleted", "PENDING", "159.60", 4),
        ("OrderPlaced", "PENDING", "35.50", 5),
        ("OrderCancelled", "CANCELLED", "35.50", 5),
        ("OrderDeleted", "CANCELLED", "35.50", 5),
        ("OrderDeleted", "CANCELLED", "24.00", 1),
    }


async def test_versions_lead_to_the_present_one_and_are_sent_in_order(home: Home) -> None:
    await upgrade(home)
    present = {
        row["id"]: row["version"] for row in await fetch(home, "SELECT id, version FROM orders")
    }
    versions: dict[Any, list[int]] = {}
    for event in await fetch(home, EVENTS):
        versions.setdefault(event["aggregate_id"], []).append(event["aggregate_version"])
    for order_id, numbers in versions.items():
        last = present.get(order_id, len(numbers))
        assert numbers == list(range(last - len(numbers) + 1, last + 1))


async def test_a_dead_letter_blocks_its_order(home: Home, facts: Facts) -> None:
    (was,) = await fetch(home, OLD_DEAD)
    await upgrade(home)
    (block,) = await fetch(home, "SELECT * FROM outbox_blocks")
    dead = facts["dead_letter"]
    assert (str(block["event_id"]), str(block["aggregate_id"])) == (dead["id"], dead["order_id"])
    assert (block["destination"], block["state"]) == ("analytics", "DEAD")
    assert (block["attempts"], block["error"]) == (dead["attempts"], dead["error"])
    assert block["since"] == was["died_at"]


async def test_a_dead_letter_behind_another_waits_its_turn(home: Home) -> None:
    connection = await asyncpg.connect(home.order_owner)
    await connection.execute("""
        WITH moved AS (DELETE FROM outbox RETURNING *)
        INSERT INTO outbox_dead_letters (id, payload, created_at, attempts, error)
        SELECT id, payload, created_at, attempts, 'dead as well' FROM moved
    """)
    await connection.close()
    await upgrade(home)
    events = await fetch(home, EVENTS)
    first: dict[Any, Any] = {}
    for event in events:
        first.setdefault(event["aggregate_id"], event["id"])
    blocks = await fetch(home, "SELECT aggregate_id, event_id FROM outbox_blocks")
    assert {block["aggregate_id"]: block["event_id"] for block in blocks} == first


async def test_the_way_back_brings_the_same_bytes(home: Home) -> None:
    waiting, dead = await fetch(home, OLD), await fetch(home, OLD_DEAD)
    await upgrade(home)
    await asyncio.to_thread(migrate.downgrade, home.order_owner, MIGRATIONS, "0001")
    assert await fetch(home, OLD) == waiting
    assert await fetch(home, OLD_DEAD) == dead
    await upgrade(home)
    assert len(await fetch(home, EVENTS)) == len(waiting) + len(dead)


async def test_keys_are_named_by_their_method_in_full_and_back(home: Home) -> None:
    methods = "SELECT DISTINCT method FROM idempotency_keys ORDER BY method"
    await upgrade(home)
    assert [row["method"] for row in await fetch(home, methods)] == [
        "emporium.order.v1.CatalogService/CreateProduct",
        "emporium.order.v1.OrderService/CreateOrder",
    ]
    await asyncio.to_thread(migrate.downgrade, home.order_owner, MIGRATIONS, "0001")
    assert [row["method"] for row in await fetch(home, methods)] == ["CreateOrder", "CreateProduct"]
