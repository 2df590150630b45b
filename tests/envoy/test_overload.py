"""What the edge does as its memory fills: ends what is large, then refuses, then takes again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
import pytest_asyncio

from emporium.user.v1.user_service_pb2 import GetUserRequest, User
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.campaign.http2 import Lost, Request, connected
from tests.certificates import replace
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.upstream import Upstream, always
from tests.waiting import until

INJECTED = "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig"
PATH = "/api/v1/users/1"
SENTENCE = "the edge is short of memory; try again"


@dataclass
class Pressed:
    """An edge whose memory is as full as a file says, and callers that it knows already."""

    edge: Edge
    file: Path

    async def fill(self, share: float) -> None:
        """Makes it so full, and waits until the edge has noticed."""
        replace(self.file, f"{share}".encode())

        async def noticed() -> bool:
            name = r"overload\..*fixed_heap\.pressure"
            return await self.edge.stat(name) == round(share * 100)

        await until(noticed)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_by_file(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pressed]:
    folder = tmp_path_factory.mktemp("pressed")
    file = folder / "pressure"
    file.write_text("0")

    def inject(config: dict[str, Any]) -> None:
        for monitor in config["overload_manager"]["resource_monitors"]:
            if monitor["name"].endswith("fixed_heap"):
                at = f"type.googleapis.com/{INJECTED}"
                monitor["typed_config"] = {"@type": at, "filename": str(file)}

    async with Upstream() as upstream:
        await upstream.serving(True)
        upstream.answers["GetUser"] = always(User(id="1"))
        async with edge_before(upstream, folder, per_minute=10_000, changed=inject) as running:
            yield Pressed(running, file)


@pytest_asyncio.fixture(loop_scope="session")
async def pressed(edge_by_file: Pressed) -> AsyncIterator[Pressed]:
    """The edge with all its memory, before the test and after it."""
    await edge_by_file.fill(0)
    yield edge_by_file
    await edge_by_file.fill(0)


@pytest.mark.parametrize("own_id", ["", "mine", 'a"b\\'])
async def test_a_call_is_refused_and_told_so_and_the_next_one_taken(
    pressed: Pressed, own_id: str
) -> None:
    headers = {"x-request-id": own_id} if own_id else {}
    async with pressed.edge.rest(signed()) as client:
        assert (await client.get(PATH)).status_code == 200
        await pressed.fill(0.96)
        answer = await client.get(PATH, headers=headers)
    body = answer.json()
    assert answer.status_code == 503
    assert body["error"] == {"code": "UNAVAILABLE", "message": SENTENCE, "details": []}
    assert (body["status"], body["request_id"]) == ("error", answer.headers["x-request-id"])
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert own_id in ("", body["request_id"])
    if not own_id:
        line = await pressed.edge.logged(body["request_id"])
        assert (line["status"], line["reason"]) == (503, "UNAVAILABLE")
    await pressed.fill(0)
    async with pressed.edge.rest(signed()) as client:
        assert (await client.get(PATH)).status_code == 200


async def test_grpc_is_told_too(pressed: Pressed) -> None:
    metadata = [("authorization", f"Bearer {signed()}")]
    async with pressed.edge.grpc() as channel:
        stub = UserServiceStub(channel)
        assert (await stub.GetUser(GetUserRequest(), metadata=metadata)).id == "1"
        await pressed.fill(0.96)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetUser(GetUserRequest(), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == SENTENCE


async def test_a_new_connection_is_not_taken(pressed: Pressed) -> None:
    await pressed.fill(0.96)
    async with pressed.edge.rest() as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/health")


async def test_the_largest_streams_end_first_and_small_calls_go_on(pressed: Pressed) -> None:
    authorization = ("authorization", f"Bearer {signed()}")
    held = Request("POST", "/api/v1/users", [authorization], b"a" * 900_000, ends=False)
    connection = await connected(pressed.edge.port)
    before = await pressed.edge.allocated_bytes()
    try:
        large = asyncio.create_task(connection.call(held))

        async def is_held() -> bool:
            return await pressed.edge.allocated_bytes() > before + 800_000

        await until(is_held)
        await pressed.fill(0.92)
        with pytest.raises(Lost):
            await large
        answer = await connection.call(Request("GET", PATH, [authorization]))
        assert answer.outcome == "200"
    finally:
        connection.close()


async def test_who_is_idle_has_less_time(pressed: Pressed) -> None:
    async with pressed.edge.rest() as client:
        assert (await client.get("/health")).status_code == 200
        before = await pressed.edge.stat(r"http\.edge\.downstream_cx_idle_timeout")
        await pressed.fill(0.9)

        async def is_closed() -> bool:
            return await pressed.edge.stat(r"http\.edge\.downstream_cx_idle_timeout") > before

        await until(is_closed)
