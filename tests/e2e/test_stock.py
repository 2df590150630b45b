"""Stock by every door of a whole cluster, and when a process dies."""

import asyncio
import signal
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from emporium import Conflict, Emporium, EmporiumError, Order, OrderLine, Stock
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target
from tests.e2e.replicas import replica
from tests.server.cli.running import emporium
from tests.waiting import until

_HELD = """
    SELECT order_id::text, sum(reserved_delta)::int AS reserved FROM stock_movements
    WHERE product_id = $1 AND order_id IS NOT NULL GROUP BY order_id
"""
_ORDERS = "SELECT order_id::text FROM order_items WHERE product_id = $1"


@pytest.fixture
async def product(staff: Rest) -> dict[str, Any]:
    body = {"sku": uuid.uuid4().hex, "name": "Stove", "unit_price": "2.50"}
    made: dict[str, Any] = await staff.data("POST", "/products", body)
    return made


async def test_stock_by_rest(staff: Rest, customer: Rest, product: dict[str, Any]) -> None:
    path = f"/products/{product['id']}/stock"
    body = {"delta": 5, "reason": "RECEIVED", "note": "From the port"}
    key = {"idempotency-key": uuid.uuid4().hex}
    adjusted = await staff("POST", f"{path}:adjust", body, headers=key)
    assert adjusted.status_code == 200
    stock = adjusted.json()["data"]
    assert {name: stock[name] for name in ("product_id", "on_hand", "reserved", "available")} == {
        "product_id": product["id"],
        "on_hand": 5,
        "reserved": 0,
        "available": 5,
    }
    again = await staff("POST", f"{path}:adjust", body, headers=key)
    assert again.json()["data"] == stock
    read = await staff("GET", path)
    assert (read.json()["data"], read.headers["etag"]) == (stock, f'"{stock["etag"]}"')

    line = {"product_id": product["id"], "quantity": 3}
    order = await customer.data("POST", "/orders", {"items": [line]})
    short = error_of(await customer("POST", "/orders", {"items": [line, line]}), 409)
    assert short["code"] == "OUT_OF_STOCK"
    [violations] = [
        each["field_violations"] for each in short["details"] if "field_violations" in each
    ]
    assert [(each["field"], each["description"]) for each in violations] == [
        ("items[0].quantity", "2 left"),
        ("items[1].quantity", "2 left"),
    ]
    old = {"if-match": f'"{stock["etag"]}"'}
    assert error_of(await staff("PATCH", path, {"low_stock_at": 0}, headers=old), 412)
    low = await staff.data("PATCH", path, {"low_stock_at": 0})
    assert (low["low_stock_at"], low["reserved"]) == (0, 3)

    listed = await staff("GET", f"{path}/movements")
    moved = listed.json()["data"]["stock_movements"]
    assert [(each["kind"], each["number"]) for each in moved] == [("RESERVED", 2), ("ADJUSTED", 1)]
    assert (moved[0]["order_id"], moved[1]["note"]) == (order["id"], "From the port")
    assert listed.json()["meta"]["total"] == 2
    for verb, where, sent in (
        ("GET", path, None),
        ("GET", f"{path}/movements", None),
        ("PATCH", path, {"tracked": False}),
        ("POST", f"{path}:adjust", body),
    ):
        assert error_of(await customer(verb, where, sent), 403)["code"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("door", ["edge", "service"])
async def test_stock_by_the_client(cluster: Cluster, product: dict[str, Any], door: str) -> None:
    async with Emporium(target(cluster, door), token=cluster.token("staff")) as shop:
        made = await shop.stock.adjust(product["id"], 3, "received", note="Found")
        assert isinstance(made, Stock)
        order = await shop.orders.create([OrderLine(product["id"], 3)])
        with pytest.raises(Conflict) as raised:
            await shop.orders.create([OrderLine(product["id"])])
        assert raised.value.reason == "OUT_OF_STOCK"
        await shop.orders.update(order.id, status="paid")
        assert (await shop.stock.get(product["id"])).on_hand == 0
        await shop.orders.update(order.id, status="refunded", restock=False)
        settled = await shop.stock.update(product["id"], backorders=True, low_stock_at=2)
        assert (settled.on_hand, settled.low_stock_at, settled.backorders) == (0, 2, True)
        cleared = await shop.stock.update(product["id"], low_stock_at=None)
        assert not cleared.HasField("low_stock_at")
        moved = [each.number async for each in shop.stock.movements(product["id"], per_page=2)]
        assert moved == [3, 2, 1]


async def test_stock_by_the_command(cluster: Cluster, product: dict[str, Any]) -> None:
    def run(*arguments: str) -> Any:
        return emporium("stock", *arguments, "--home", str(cluster.home.directory))

    sku = product["sku"]
    before = await asyncio.to_thread(run, "show", sku)
    assert before.stdout.strip() == "0 on hand; not tracked, so it never runs out"
    added = await asyncio.to_thread(run, "adjust", sku, "--by", "7", "--reason", "counted")
    assert added.stdout.strip() == "7 available: 7 on hand, 0 reserved"
    after = await asyncio.to_thread(run, "show", sku)
    assert "adjusted  on hand +7  reserved +0  counted" in after.stdout
    too_many = await asyncio.to_thread(run, "adjust", sku, "--by", "-8", "--reason", "lost")
    assert too_many.returncode == 1
    assert "7 can be taken" in too_many.stderr
    unknown = await asyncio.to_thread(run, "show", "no-such-code")
    assert "no product has the code no-such-code" in unknown.stderr


async def test_the_sample_data_has_stock(cluster: Cluster) -> None:
    async with Emporium(target(cluster, "edge"), token=cluster.token("staff")) as shop:
        clock = await anext(aiter(shop.products.list(sku="CLOCK-WALL")))
        stock = await shop.stock.get(clock.id)
        assert (stock.tracked, stock.low_stock_at) == (True, 50)


async def test_what_a_killed_process_leaves_is_whole(
    cluster: Cluster, product: dict[str, Any], tmp_path: Path
) -> None:
    """Killed in the midst of orders: each that there is has its reservation, and no other has."""
    token = cluster.token("staff")
    async with Emporium(target(cluster, "service"), token=token) as shop:
        await shop.stock.adjust(product["id"], 100_000, "counted")
    dead = replica(cluster, "order", tmp_path / "log")
    async with dead as dying, Emporium(f"127.0.0.1:{dying.port}", token=token) as shop:
        made = 0

        async def buy() -> None:
            nonlocal made
            while True:
                try:
                    await shop.orders.create([OrderLine(product["id"])])
                except EmporiumError:
                    return
                made += 1

        buying = [asyncio.create_task(buy()) for _ in range(16)]

        async def is_busy() -> bool:
            return made >= 50

        await until(is_busy)
        await dying.end(signal.SIGKILL)
        await asyncio.gather(*buying)
    connection = await asyncpg.connect(cluster.record.postgres["order"])
    held = {
        row["order_id"]: row["reserved"] for row in await connection.fetch(_HELD, product["id"])
    }
    orders = {row["order_id"] for row in await connection.fetch(_ORDERS, product["id"])}
    await connection.close()
    assert len(orders) >= made
    assert held == dict.fromkeys(orders, 1)
    async with Emporium(target(cluster, "service"), token=token) as shop:
        assert (await shop.stock.get(product["id"])).reserved == len(orders)


async def test_an_unpaid_order_expires_by_itself(
    cluster: Cluster, product: dict[str, Any], tmp_path: Path
) -> None:
    """Made by a process that gives it a moment; whichever process has the job cancels it."""
    token = cluster.token("staff")
    hasty = replica(cluster, "order", tmp_path / "log", UNPAID_ORDER_HOURS="0.000001")
    async with hasty as made, Emporium(f"127.0.0.1:{made.port}", token=token) as shop:
        await shop.stock.adjust(product["id"], 1, "counted")
        order = await shop.orders.create([OrderLine(product["id"])])

        async def is_cancelled() -> bool:
            return (await shop.orders.get(order.id)).status == Order.CANCELLED

        await until(is_cancelled)
        assert (await shop.stock.get(product["id"])).available == 1
