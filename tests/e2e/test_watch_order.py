"""A buyer watches an order as Server-Sent Events, through the whole cluster."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of
from tests.server_sent import HEARTBEAT, Event, events


@asynccontextmanager
async def watched(
    cluster: Cluster, token: str, order_id: str, **headers: str
) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of an order."""
    sent = {"authorization": f"Bearer {token}", **headers}
    async with httpx.AsyncClient(base_url=cluster.record.edge_url, trust_env=False) as http:
        path = f"/api/v1/orders/{order_id}:watch"
        async with http.stream("GET", path, headers=sent, timeout=20) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            assert "content-encoding" not in answer.headers
            yield events(answer.aiter_lines())


async def upcoming(found: AsyncIterator[Event]) -> Event:
    """The next that is no heartbeat."""
    async for event in found:
        if event.name != HEARTBEAT:
            return event
    raise AssertionError("the stream is at its end")


def new_order() -> dict[str, Any]:
    return {"items": [{"product_name": "Lamp", "unit_price": "1.25", "quantity": 1}]}


async def test_an_order_is_watched_to_its_end_and_gone_on_with(
    cluster: Cluster, admin: Rest
) -> None:
    token = cluster.token("admin")
    order = await admin.data("POST", "/orders", new_order())
    async with watched(cluster, token, order["id"]) as found:
        first = await upcoming(found)
        assert (first.name, first.id) == ("message", order["etag"])
        told = json.loads(first.data)
        assert (told["order"], told["token"], told["is_last"]) == (order, order["etag"], False)
        await admin.data("PATCH", f"/orders/{order['id']}", {"status": "PAID"})
        second = await upcoming(found)
        assert (second.id, json.loads(second.data)["order"]["status"]) == ("2", "PAID")
    async with watched(cluster, token, order["id"], **{"last-event-id": second.id}) as found:
        await admin.data("PATCH", f"/orders/{order['id']}", {"status": "REFUNDED"})
        last = await upcoming(found)
        assert (last.id, json.loads(last.data)["is_last"]) == ("3", True)
        assert (await upcoming(found)).name == "end"


async def test_what_cannot_be_watched_is_refused_as_any_other_call(
    admin: Rest, anyone: Rest
) -> None:
    order = await admin.data("POST", "/orders", new_order())
    missing = f"{order['id'][:-4]}ffff"
    assert error_of(await admin("GET", f"/orders/{missing}:watch"), 404)["code"] == (
        "ORDER_NOT_FOUND"
    )
    assert error_of(await anyone("GET", f"/orders/{order['id']}:watch"), 401)
    assert (await admin("HEAD", f"/orders/{order['id']}:watch")).status_code == 405
