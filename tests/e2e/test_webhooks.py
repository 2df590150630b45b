"""Webhooks by REST, by the client and on the command line: from an order to a signed post."""

import asyncio
from typing import Any

from emporium import Emporium
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target
from tests.server.cli.running import emporium
from tests.server.order.webhooks.receiver import Receiver
from tests.waiting import until

PLACED = "emporium.order.v1.OrderPlaced"


async def test_an_order_is_posted_to_who_has_asked_for_it(admin: Rest, customer: Rest) -> None:
    async with Receiver() as receiver:
        new = {"url": receiver.url, "event_types": [PLACED]}
        made = await admin("POST", "/webhooks", new)
        webhook = made.json()["data"]
        path = f"/webhooks/{webhook['id']}"
        assert made.status_code == 201
        assert made.headers["location"] == f"/api/v1{path}"
        assert not (await admin.data("GET", path)).get("secret")
        line = {"product_name": "Lamp", "unit_price": "12.00", "quantity": 1}
        order = await admin.data("POST", "/orders", {"items": [line]})

        def about_it() -> list[dict[str, object]]:
            posts = [post.verified(webhook["secret"]) for post in receiver.posts]
            return [post["data"]["order"] for post in posts if post["aggregate_id"] == order["id"]]

        async def told() -> bool:
            return bool(about_it())

        await until(told)
        # As REST shows it; what only REST's answers have is not in it.
        [shown] = about_it()
        assert {name: shown[name] for name in ("id", "total_price", "status", "items")} == {
            name: order[name] for name in ("id", "total_price", "status", "items")
        }
        page = await admin.data("GET", f"{path}/deliveries?status=succeeded")
        first = page["deliveries"][-1]
        assert (first["event_type"], first["response_status"]) == (PLACED, 200)
        again = await admin("POST", f"{path}/deliveries/{first['id']}:redeliver", {})
        assert again.json()["data"]["status"] == "PENDING"
        rotated = await admin.data("POST", f"{path}:rotateSecret", {})
        assert rotated["secret"] not in ("", webhook["secret"])
        assert (await admin("DELETE", path)).status_code == 204
        gone = await admin("GET", path)
        assert error_of(gone, 404)["code"] == "WEBHOOK_NOT_FOUND"
    assert error_of(await customer("GET", "/webhooks"), 403)["code"] == "PERMISSION_DENIED"


async def test_the_client_and_the_command_line_know_them(cluster: Cluster) -> None:
    def run(*arguments: str) -> Any:
        return emporium("webhooks", *arguments, "--home", str(cluster.home.directory))

    async with (
        Receiver() as receiver,
        Emporium(target(cluster, "edge"), token=cluster.token("admin")) as shop,
    ):
        made = await shop.webhooks.create(receiver.url, ["*"], description="The partner")
        assert made.id in [each.id async for each in shop.webhooks.list(status="active")]
        ping = await shop.webhooks.ping(made.id)

        async def arrived() -> bool:
            return ping.id in receiver.ids

        await until(arrived)
        listed = await asyncio.to_thread(run, "list")
        assert f"{made.id}  active  {receiver.url}  *" in listed.stdout
        shown = await asyncio.to_thread(run, "deliveries", made.id)
        assert ping.id in shown.stdout
        tried = await asyncio.to_thread(run, "ping", made.id)
        assert "ping  pending" in tried.stdout
        await shop.webhooks.delete(made.id)
