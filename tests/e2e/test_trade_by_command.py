"""The trade by `emporium products`, `orders`, `payments` and `shipments`."""

import asyncio
import uuid
from decimal import Decimal
from typing import Any

from emporium import Emporium, Order, OrderLine
from server.local.cluster import Cluster
from tests.e2e.conftest import target
from tests.server.cli.running import emporium


async def run(cluster: Cluster, *arguments: str) -> Any:
    home = str(cluster.home.directory)
    return await asyncio.to_thread(emporium, *arguments, "--home", home)


async def said(cluster: Cluster, *arguments: str) -> list[str]:
    """The lines of a command that ends well."""
    done = await run(cluster, *arguments)
    assert done.returncode == 0, done.stderr
    lines: list[str] = done.stdout.splitlines()
    return lines


async def why(cluster: Cluster, *arguments: str) -> str:
    """What a command says that is refused."""
    done = await run(cluster, *arguments)
    assert done.returncode == 1
    return str(done.stderr)


async def placed(shop: Emporium, quantity: int) -> Order:
    """An order of a product of its own."""
    product = await anext(aiter(shop.products.list(sku="MUG-PLAIN")))
    return await shop.orders.create([OrderLine(product.id, quantity)])


async def test_products_by_the_command(cluster: Cluster) -> None:
    sku = f"cli-{uuid.uuid4().hex[:12]}"
    [made] = await said(cluster, "products", "add", sku, "Blue teapot", "19.90")
    assert made.startswith(f"{sku}  Blue teapot  19.90 GBP  active  ")
    changed = ("--price", "18.50", "--status", "draft")
    [after] = await said(cluster, "products", "set", sku, *changed)
    assert "18.50 GBP  draft" in after
    assert await said(cluster, "products", "show", sku.upper()) == [after]
    assert len(await said(cluster, "products", "list", "--limit", "3")) == 3
    assert after in await said(cluster, "products", "list", "blue teapot", "--status", "draft")
    assert "no product has the code" in await why(cluster, "products", "show", "no-such-code")
    assert "sku" in await why(cluster, "products", "add", sku, "Again", "1.00")


async def test_an_order_from_its_payment_to_its_door_by_the_command(cluster: Cluster) -> None:
    async with Emporium(target(cluster, "edge"), token=cluster.token("customer")) as shop:
        order = await placed(shop, 3)
        held = await shop.payments.create(order.id, "tok_approved", capture=False)
    [listed] = await said(cluster, "payments", "list", order.id)
    assert listed.startswith(f"{held.id}  sandbox  authorized  {order.total_price} ")
    [taken] = await said(cluster, "payments", "capture", held.id)
    assert f"captured {order.total_price}, given back 0.00" in taken
    assert any(each.startswith(order.id) for each in await said(cluster, "orders", "list"))
    [sent] = await said(cluster, "shipments", "send", order.id, "--item", "1:2")
    assert "  sent  1:2" in sent
    await said(cluster, "shipments", "send", order.id, "--tracking-number", "JD 1")
    first, last = await said(cluster, "shipments", "list", order.id)
    assert (first, last.endswith("1:1  JD 1")) == (sent, True)
    for each in (first, last):
        [arrived] = await said(cluster, "shipments", "track", each.split("  ")[0], "delivered")
        assert "  delivered  " in arrived
    part = f"{Decimal(order.total_price) / 4:.2f}"
    refunding = ("payments", "refund", held.id, "--amount", part, "--reason", "A dent")
    [back] = await said(cluster, *refunding)
    assert ("partially_refunded" in back, f"given back {part}" in back) == (True, True)
    shown = await said(cluster, "orders", "show", order.id)
    assert "  delivered  " in shown[0]
    assert shown[1] == f"captured {order.total_price}, given back {part} GBP"
    assert shown[2].startswith("1.  ")
    moves = [each.split("  ")[1] for each in shown[3:]]
    assert moves == ["pending", "paid", "shipped", "delivered"]
    assert "DELIVERED cannot become" in await why(cluster, "orders", "cancel", order.id)
    assert "the payment is" in await why(cluster, "payments", "void", held.id)
    assert "--item 1:2" in await why(cluster, "shipments", "send", order.id, "--item", "two")


async def test_an_order_is_cancelled_by_the_command(cluster: Cluster) -> None:
    async with Emporium(target(cluster, "edge"), token=cluster.token("customer")) as shop:
        order = await placed(shop, 1)
    [gone] = await said(cluster, "orders", "cancel", order.id, "--reason", "Rang us")
    assert "  cancelled  " in gone
    shown = await said(cluster, "orders", "show", order.id)
    assert shown[-1].endswith("cancelled  staff  Rang us")
