"""Connections that are unlike a browser's: other versions, offers to speak otherwise, silence."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from emporium.user.v1.user_service_pb2 import GetUserRequest
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.doors import raw
from tests.envoy.upstream import Upstream
from tests.waiting import until


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("offer", ["TLS/1.2", "websocket", "h2c, foo/2"])
async def test_an_offer_to_speak_something_else_is_ignored(
    offer: str, version: str, running: Edge
) -> None:
    request = f"GET /api/v1/products HTTP/{version}\r\nHost: a\r\n"
    request += f"Upgrade: {offer}\r\nConnection: Upgrade\r\n\r\n"
    answer = await raw(running.port, request.encode())
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


@pytest.mark.parametrize("host", ["", "Host: a\r\n"])
async def test_http_1_0_is_served(host: str, running: Edge) -> None:
    token = f"Authorization: Bearer {signed()}\r\n"
    for verb in ("GET", "HEAD"):
        request = f"{verb} /api/v1/users/1 HTTP/1.0\r\n{host}{token}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(request.encode())
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")  # to the end
        writer.close()
        assert head.startswith(b"HTTP/1.0 200 ")
        assert b"transfer-encoding" not in head
        assert bool(body) is (verb == "GET")
        assert not body or json.loads(body)["status"] == "success"


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /heal"])
async def test_a_connection_that_asks_nothing_is_closed(sent: bytes, running: Edge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(sent)
    async with asyncio.timeout(30):
        with suppress(ConnectionResetError):  # where it had not been read to the end
            assert await reader.read() == b""
    writer.close()


@pytest.mark.slow
async def test_a_connection_ends_in_time_and_no_call_with_it(tmp_path: Path) -> None:
    def soon(config: dict[str, Any]) -> None:
        listener = config["static_resources"]["listeners"][0]
        manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
        manager["common_http_protocol_options"]["max_connection_duration"] = "1s"
        manager["drain_timeout"] = "0.1s"

    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, tmp_path, changed=soon) as edge:

            async def both_have_ended_twice() -> bool:
                headers = {"authorization": f"Bearer {signed()}"}
                assert (await client.get("/api/v1/users/1", headers=headers)).status_code == 200
                await stub.GetUser(GetUserRequest(user_id="1"), metadata=[*headers.items()])
                return await edge.stat(r"http\.edge\.downstream_cx_max_duration_reached") > 3

            async with edge.rest() as client, edge.grpc() as channel:
                stub = UserServiceStub(channel)
                await until(both_have_ended_twice)


@pytest.mark.slow
async def test_one_address_that_takes_every_connection_keeps_nobody_out_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.local.engines.edge.connections_max", lambda: 20)

    async def is_served() -> bool:
        with suppress(httpx.TransportError):
            async with running.rest() as client:
                return (await client.get("/ready")).status_code == 200
        return False

    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, tmp_path) as running:
            taken = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(40)]
            assert not await is_served(), "else they were not all of them"
            await until(is_served)
            for _, writer in taken:
                writer.close()
