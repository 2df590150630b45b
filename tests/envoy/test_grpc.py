"""Native gRPC and gRPC-Web through the same listener."""

import base64
import re
import struct
from typing import Any

import grpc.aio
import httpx
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from emporium.user.v1.user_service_pb2 import GetUserRequest, User
from tests.envoy.conftest import Edge, signed
from tests.envoy.upstream import always, hang, refusing

HEADERS = [("authorization", f"Bearer {signed()}")]


async def get_user(running: Edge, **options: Any) -> User:
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        request = GetUserRequest(user_id="1")
        return await stub.GetUser(request, metadata=HEADERS, **options)


async def test_a_call_passes_as_it_is(running: Edge) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1", etag="v1"))
    assert await get_user(running, timeout=5) == User(id="1", etag="v1")
    metadata = running.upstream.last().metadata
    assert not {"x-emporium-door", "x-body-fields", "x-emporium-subject"} & set(metadata)
    assert metadata["x-request-id"]


async def test_the_caller_s_deadline_reaches_the_service(running: Edge) -> None:
    await get_user(running, timeout=20)
    seconds_left = running.upstream.last().seconds_left
    assert seconds_left is not None
    assert 10 < seconds_left < 20.3


async def test_a_service_s_error_passes_with_its_details(running: Edge) -> None:
    running.upstream.answers["GetUser"] = refusing(grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND", 404)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await get_user(running, timeout=5)
    status = rpc_status.from_call(raised.value)  # type: ignore[arg-type]  # a Call
    assert status is not None
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (raised.value.code(), info.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


async def test_a_message_over_a_megabyte_is_refused(running: Edge) -> None:
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        request = user_service_pb2.CreateUserRequest(full_name="a" * (1024 * 1024 + 1))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.CreateUser(request, metadata=HEADERS, timeout=5)
    assert not running.upstream.calls


async def test_what_rest_is_told_cannot_be_forged_by_native_grpc(running: Edge) -> None:
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        forged = [
            ("x-emporium-door", "rest"),
            ("x-query-fields", ""),
            ("x-body-fields", "email"),
            ("x-http-status", "201"),
        ]
        await stub.GetUser(GetUserRequest(user_id="1"), metadata=HEADERS + forged, timeout=5)
    assert not {"x-emporium-door", "x-body-fields", "x-query-fields"} & set(
        running.upstream.last().metadata
    )


async def test_a_deadline_that_passes_is_told(running: Edge) -> None:
    running.upstream.answers["GetUser"] = hang
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await get_user(running, timeout=0.2)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("text", [False, True])
async def test_browsers_speak_grpc_web(
    text: bool, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1"))
    message = GetUserRequest(user_id="1").SerializeToString()
    body = struct.pack(">BI", 0, len(message)) + message
    kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
    answer = await signed_in.post(
        "/emporium.user.v1.UserService/GetUser",
        content=base64.b64encode(body) if text else body,
        headers={"content-type": kind, "accept": kind, "origin": "http://localhost:3000"},
    )
    content = answer.content
    if text:
        # Each frame is encoded, and padded, by itself.
        frames = re.findall(rb"[^=]+=*", content)
        content = b"".join(base64.b64decode(frame) for frame in frames)
    _, size = struct.unpack(">BI", content[:5])
    assert User.FromString(content[5 : 5 + size]) == User(id="1")
    assert b"grpc-status:0" in content
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "x-emporium-door" not in running.upstream.last().metadata
