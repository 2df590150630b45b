"""What the edge itself refuses, and how it says so."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from emporium.user.v1.user_service_pb2 import User
from server.contract import bodies
from server.kit import descriptors
from server.kit.lifecycle import METADATA_BYTES_MAX
from tests.envoy.conftest import SOURCE, Edge, error_of, signed
from tests.envoy.upstream import always

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("GET", "/api/v1/user"),
        ("GET", "/api/v1/users/"),
        ("GET", "/api/v1/users/1/orders/2"),
        ("GET", "/api/v1//users"),
        ("GET", "/emporium.user.v1.UserService"),
    ],
)
async def test_no_such_route(verb: str, path: str, anonymous: httpx.AsyncClient) -> None:
    error_of(await anonymous.request(verb, path), 404, "ROUTE_NOT_FOUND")


async def test_json_has_no_way_in_by_the_path_of_an_rpc(signed_in: httpx.AsyncClient) -> None:
    path = "/emporium.user.v1.UserService/GetUser"
    error_of(await signed_in.post(path, json={"user_id": "1"}), 404, "ROUTE_NOT_FOUND")
    bad = {"authorization": f"Bearer {signed(aud='elsewhere')}"}
    answer = await signed_in.post(path, json={"user_id": "1"}, headers=bad)
    error_of(answer, 401, "INVALID_TOKEN")


@pytest.mark.parametrize(
    "content_type",
    ["application/grpc-foo", "application/grpc;x=1", "application/grpc-web-x", "application/grpcx"],
)
async def test_what_only_looks_like_grpc_comes_in_by_the_door_of_its_path(
    content_type: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["CreateUser"] = always(
        User(id="1", etag="v1"), x_http_status="201", location="/api/v1/users/1"
    )
    answer = await signed_in.post(
        "/api/v1/users", content=b'{"emial": "a"}', headers={"content-type": content_type}
    )
    metadata = running.upstream.last().metadata
    assert (metadata["x-emporium-door"], metadata["x-body-fields"]) == ("rest", "emial")
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/users/1")
    assert answer.json()["status"] == "success"


@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc-web+proto"])
async def test_true_grpc_has_no_way_in_by_a_path_of_rest(
    content_type: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    frame = b"\0\0\0\0\0"
    answer = await signed_in.post(
        "/api/v1/users", content=frame, headers={"content-type": content_type}
    )
    assert answer.headers["grpc-status"] != "0"
    assert not running.upstream.calls


async def test_an_escaped_slash_does_not_make_another_path(signed_in: httpx.AsyncClient) -> None:
    answer = await signed_in.get("/api/v1/users%2F1")
    error_of(answer, 400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("http2", [False, True])
async def test_one_byte_over_a_megabyte_is_too_much(http2: bool, running: Edge) -> None:
    frame = len(json.dumps({"full_name": ""}))
    async with running.rest(http2=http2) as client:
        for size, fits in ((MEGABYTE, True), (MEGABYTE + 1, False)):
            body = json.dumps({"full_name": "a" * (size - frame)})
            assert len(body) == size
            answer = await client.post("/api/v1/users", content=body)
            if fits:
                assert answer.status_code == 200
            else:
                error_of(answer, 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("http2", [False, True])
async def test_an_order_may_hold_what_the_contract_permits_as_escaped_json(
    http2: bool, running: Edge
) -> None:
    bytes_max = bodies.largest(descriptors.pool(), "emporium.order.v1.CreateOrderRequest")
    assert bytes_max > 2 * MEGABYTE
    frame = len(json.dumps({"request_id": ""}))
    async with running.rest(signed(sub=f"escaping {http2}"), http2=http2) as client:
        for size, fits in ((bytes_max, True), (bytes_max + 1, False)):
            body = json.dumps({"request_id": "a" * (size - frame)})
            answer = await client.post("/api/v1/orders", content=body)
            if fits:
                assert answer.status_code == 200
            else:
                error = error_of(answer, 413, "BODY_TOO_LARGE")
                assert error["message"] == f"the body may hold {bytes_max} bytes"


async def test_a_body_of_unknown_length_is_bounded_too(anonymous: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"a" * 65536

    answer = await anonymous.post("/api/v1/users", content=chunks())
    error_of(answer, 413, "BODY_TOO_LARGE")


async def test_what_the_edge_tells_the_services_cannot_be_said_from_outside(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    forged = {
        "x-body-fields": "role",
        "x-body-bytes": "none",
        "x-query-fields": "role",
        "x-emporium-door": "none",
        "x-emporium-subject": "admin",
        "x-http-status": "299",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-max-retries": "9",
        "x-envoy-original-path": "/api/v1/reports/sales",
        "grpc-timeout": "1n",
    }
    answer = await signed_in.post("/api/v1/users", json={"email": "a"}, headers=forged)
    call = running.upstream.last()
    assert answer.status_code == 200
    assert call.metadata["x-body-fields"] == "email"
    assert call.metadata["x-body-bytes"] == "13"
    assert call.metadata["x-query-fields"] == ""
    assert call.metadata["x-emporium-door"] == "rest"
    assert "x-emporium-subject" not in call.metadata
    assert not [name for name in call.metadata if name.startswith("x-envoy-")]
    assert call.seconds_left is not None
    assert 5 < call.seconds_left <= 10
    assert "x-http-status" not in answer.headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/v1/products HTTP/1.1\r\n\r\n",
        b"GET /api/v1/products HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
    ],
)
async def test_broken_http_is_refused_in_the_envelope(request_bytes: bytes, running: Edge) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(request_bytes)
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        reply = json.loads(await reader.readuntil(b'"}'))
    writer.close()
    assert head.startswith("HTTP/1.1 400 ")
    assert reply["error"]["code"] == "MALFORMED_REQUEST"
    assert f"x-request-id: {reply['request_id']}" in head
    assert not running.upstream.calls


@pytest.mark.parametrize("http2", [False, True])
async def test_headers_are_taken_or_refused_by_their_size_alone(http2: bool, running: Edge) -> None:
    async with running.rest(signed(), http2=http2) as client:
        for size, status in ((7_000, 200), (9_000, 431), (16_000, 431), (40_000, 431)):
            for _ in range(5):
                large = {"x-t": "a" * size}
                answer = await client.get("/api/v1/users/1", headers=large)
                assert answer.status_code == status, size
    assert len(running.upstream.calls) == 5


def test_services_take_whatever_headers_the_edge_lets_through() -> None:
    config = (SOURCE / "envoy.yaml").read_text()
    (size, number) = map(int, re.findall(r"const_expr: \{int64_value: (\d+)\}", config))
    script = (SOURCE / "body_fields.lua").read_text()
    report = int(re.findall(r"BYTES = .*?(\d+)$", script, re.MULTILINE)[0])
    # gRPC counts 32 bytes for each header, and the edge adds some of its own.
    assert size + report + 32 * (number + 20) + 1024 <= METADATA_BYTES_MAX
    message = re.findall(r'"HEADERS_TOO_LARGE", "(.*?)"', (SOURCE / "refusals.lua").read_text())
    assert message == [f"headers may hold {size} bytes, and be {number}"]


async def test_only_configured_origins_may_read(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "etag"}
    ours, other = {"origin": "http://localhost:3000"}, {"origin": "https://evil.example"}
    allowed = await anonymous.options("/api/v1/users", headers=asking | ours)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ours["origin"]
    refused = await anonymous.options("/api/v1/users", headers=asking | other)
    assert "access-control-allow-origin" not in refused.headers
    for origin, readable in ((ours, True), (other, False)):
        answer = await anonymous.get("/api/v1/products", headers=origin)
        assert answer.status_code == 200
        assert ("access-control-allow-origin" in answer.headers) is readable
    assert [call.rpc for call in running.upstream.calls] == ["ListProducts", "ListProducts"]


async def test_a_preflight_never_reaches_a_service(running: Edge) -> None:
    asking = {"access-control-request-method": "POST", "origin": "https://evil.example"}
    async with running.rest(signed()) as client:
        error_of(await client.options("/api/v1/users", headers=asking), 404, "ROUTE_NOT_FOUND")
        native = {"content-type": "application/grpc"}
        await client.options("/api/v1/users", headers=asking | native)
    assert not running.upstream.calls
