"""One call by each door of the edge, and what a refusal says there."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from google.rpc.error_details_pb2 import ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.envoy.conftest import Edge

DOORS = ("http/1.0", "http/1.1", "http/2", "grpc", "grpc-web")
MESSAGE = b"\0\0\0\0\0"  # an empty message, in its frame


@dataclass(frozen=True)
class Asked:
    """A call, as REST and as gRPC would make it."""

    verb: str = "GET"
    path: str = "/api/v1/users/1"
    rpc: str = "/emporium.user.v1.UserService/GetUser"
    token: str | None = None
    headers: tuple[tuple[str, str | bytes], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True)
class Told:
    """A refusal, however it was told."""

    http_status: int  # 200 for gRPC
    grpc_status: int | None  # None for REST
    reason: str
    message: str
    request_id: str
    retry_after_seconds: int | None
    headers: Mapping[str, str]


async def call(running: Edge, door: str, asked: Asked) -> Told:
    """Makes the call by that door, which must refuse it."""
    told = await attempt(running, door, asked)
    assert told is not None
    return told


async def attempt(running: Edge, door: str, asked: Asked) -> Told | None:
    """Makes the call by that door; None when it was not refused."""
    headers = [(b"authorization", f"Bearer {asked.token}".encode())] if asked.token else []
    headers += [(name.encode(), _bytes(value)) for name, value in asked.headers]
    if door == "http/1.0":
        answer = await _old(running, asked, headers)
        return None if answer.is_success else rest(answer)
    # True gRPC needs HTTP/2; gRPC-Web is what browsers send over either.
    async with running.rest(http2=door in ("http/2", "grpc")) as client:
        if door.startswith("http/"):
            sent = client.build_request(asked.verb, asked.path, headers=headers, content=asked.body)
            answer = await client.send(sent)
            return None if answer.is_success else rest(answer)
        headers += [(b"content-type", f"application/{door}".encode()), (b"te", b"trailers")]
        content = MESSAGE if asked.body is None else asked.body
        answer = await client.post(asked.rpc, headers=headers, content=content)
        if answer.content:
            return None
        assert answer.headers["content-type"].startswith(f"application/{door}")
        return grpc(answer)


def rest(answer: httpx.Response) -> Told:
    """What the envelope says."""
    body = answer.json()
    assert set(body) == {"status", "error", "request_id"}, body
    assert set(body["error"]) == {"code", "message", "details"}, body
    assert not [name for name in answer.headers if name.startswith("x-emporium")]
    assert body["request_id"] == answer.headers["x-request-id"]
    wait = answer.headers.get("retry-after")
    return Told(
        answer.status_code,
        None,
        body["error"]["code"],
        body["error"]["message"],
        body["request_id"],
        None if wait is None else int(wait),
        answer.headers,
    )


def grpc(answer: httpx.Response) -> Told:
    """What the trailers say, which a refusal has among its headers."""
    padded = answer.headers["grpc-status-details-bin"]
    status = Status.FromString(base64.b64decode(padded + "=" * (-len(padded) % 4)))
    assert status.code == int(answer.headers["grpc-status"])
    assert status.message == answer.headers["grpc-message"]
    info, request, retry = ErrorInfo(), RequestInfo(), RetryInfo()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(request)
    waits = len(status.details) > 2 and status.details[2].Unpack(retry)
    assert info.domain == "emporium"
    assert request.request_id == answer.headers["x-request-id"]
    return Told(
        answer.status_code,
        status.code,
        info.reason,
        status.message,
        request.request_id,
        retry.retry_delay.seconds if waits else None,
        answer.headers,
    )


async def raw(port: int, request: bytes) -> httpx.Response:
    """The one answer to what is sent as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = httpx.Headers(
            [(line.partition(": ")[0], line.partition(": ")[2]) for line in lines]
        )
        length = int(headers.get("content-length", "0"))
        content = await reader.readexactly(length)
    writer.close()
    return httpx.Response(int(first.split(" ")[1]), headers=headers, content=content)


async def _old(running: Edge, asked: Asked, headers: list[tuple[bytes, bytes]]) -> httpx.Response:
    body = asked.body or b""
    lines = [f"{asked.verb} {asked.path} HTTP/1.0".encode()]
    lines += [name + b": " + value for name, value in headers]
    lines += [f"content-length: {len(body)}".encode()] if body else []
    return await raw(running.port, b"\r\n".join([*lines, b"", b""]) + body)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
