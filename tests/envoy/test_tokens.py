"""The token rule: everything needs one, but for what the contract calls public."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import grpc.aio
import httpx
import jwt
import pytest

from emporium.analytics.v1 import domain_event_service_pb2, domain_event_service_pb2_grpc
from emporium.order.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from server.kit import auth
from tests.envoy.conftest import KEY, SERVICE_KEY, Edge, error_of, signed


def unsigned() -> str:
    claims = jwt.decode(signed(), options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "user-1"})


def signed_with_the_public_key() -> str:
    claims = jwt.decode(signed(), options={"verify_signature": False})
    return jwt.encode(claims, KEY["x"] * 2, algorithm="HS256", headers={"kid": "user-1"})


def altered() -> str:
    head, payload, signature = signed().split(".")
    return f"{head}.{payload[:-4]}AAAA.{signature}"


def without(claim: str) -> Callable[[], str]:
    left_out: dict[str, Any] = {claim: None}
    return lambda: signed(**left_out)


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: signed(iat=1, exp=int(time.time()) - 10), "TOKEN_EXPIRED"),
    "without an end": (lambda: signed(exp=None), "INVALID_TOKEN"),
    "by another key": (lambda: signed(auth.new_key("user-1")), "INVALID_TOKEN"),
    "by an unknown key": (lambda: signed(auth.new_key("user-9")), "INVALID_TOKEN"),
    "of a service": (
        partial(signed, SERVICE_KEY, sub="service:order", role="SERVICE"),
        "INVALID_TOKEN",
    ),
    "by another issuer": (lambda: signed(iss="other"), "INVALID_TOKEN"),
    "for another API": (lambda: signed(aud="other"), "INVALID_TOKEN"),
    **{
        f"without {name}": (without(name), "INVALID_TOKEN")
        for name in ("iss", "aud", "sub", "sid", "role", "iat", "jti")
    },
    "with an empty sid": (partial(signed, sid=""), "INVALID_TOKEN"),
    "with an iat in words": (partial(signed, iat="now"), "INVALID_TOKEN"),
    "of another kind": (partial(signed, header={"typ": "refresh+jwt"}), "INVALID_TOKEN"),
    "of the usual kind": (partial(signed, header={"typ": "JWT"}), "INVALID_TOKEN"),
    "that names no key": (partial(signed, header={"kid": None}), "INVALID_TOKEN"),
    "altered": (altered, "INVALID_TOKEN"),
    "not signed": (unsigned, "INVALID_TOKEN"),
    "signed with the public key": (signed_with_the_public_key, "INVALID_TOKEN"),
    "nonsense": (lambda: "nonsense", "INVALID_TOKEN"),
}


async def test_a_token_that_was_good_before_still_expires(running: Edge) -> None:
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        for seconds in (1, 4, 16):  # a busy machine may take longer than the first to ask at all
            token = signed(exp=int(time.time()) + seconds)
            client = await stack.enter_async_context(running.rest(token))
            if (await client.get("/api/v1/users/1")).status_code == 200:
                break
        else:
            pytest.fail("no token was good at first")
        while (answer := await client.get("/api/v1/users/1")).status_code == 200:
            await asyncio.to_thread(time.sleep, 0.1)
    error_of(answer, 401, "TOKEN_EXPIRED")


@pytest.mark.parametrize("path", ["/api/v1/users/1", "/api/v1/products"])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_is_refused_even_where_none_is_needed(
    name: str, path: str, running: Edge
) -> None:
    forge, code = BAD[name]
    async with running.rest(forge()) as client:
        answer = await client.get(path)
    error_of(answer, 401, code)
    assert answer.headers["www-authenticate"] == 'Bearer realm="emporium"'
    assert not running.upstream.calls


@pytest.mark.parametrize("name", [None, *BAD])
async def test_a_bad_or_missing_token_is_refused_by_native_grpc(
    name: str | None, running: Edge
) -> None:
    metadata = [("authorization", f"Bearer {BAD[name][0]()}")] if name else []
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetUser(user_service_pb2.GetUserRequest(), metadata=metadata, timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert not running.upstream.calls


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/api/v1/users"),
        ("GET", "/api/v1/users/1"),
        ("PATCH", "/api/v1/users/1"),
        ("DELETE", "/api/v1/users/1"),
        ("POST", "/api/v1/orders"),
        ("GET", "/api/v1/orders"),
        ("GET", "/api/v1/reports/sales"),
        ("POST", "/api/v1/products"),
        ("POST", "/api/v1/events"),
        ("GET", "/api/v1/users/../users/1"),
        ("GET", "/api/v1/products/../users/1"),
        ("POST", "/emporium.user.v1.UserService/GetUser"),
        ("POST", "/emporium.user.v1.UserService/CreateUser/../GetUser"),
    ],
)
async def test_without_a_token_there_is_no_way(
    verb: str, path: str, running: Edge, anonymous: httpx.AsyncClient
) -> None:
    error_of(await anonymous.request(verb, path), 401, "UNAUTHENTICATED")
    assert not running.upstream.calls


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/api/v1/products"),
        ("GET", "/api/v1/products/1"),
        ("POST", "/api/v1/users"),
        ("POST", "/api/v1/auth/login"),
    ],
)
async def test_what_is_public_needs_none(
    verb: str, path: str, running: Edge, anonymous: httpx.AsyncClient
) -> None:
    assert (await anonymous.request(verb, path)).status_code == 200
    assert len(running.upstream.calls) == 1


async def test_what_is_public_needs_none_by_grpc(running: Edge) -> None:
    async with running.grpc() as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        await stub.GetProduct(catalog_service_pb2.GetProductRequest(product_id="1"), timeout=5)
    assert running.upstream.last().request.product_id == "1"


async def test_only_the_header_carries_a_token(running: Edge) -> None:
    token = signed()
    async with running.rest() as client:
        for answer in (
            await client.get(f"/api/v1/users/1?access_token={token}"),
            await client.get("/api/v1/users/1", headers={"cookie": f"access_token={token}"}),
            await client.get("/api/v1/users/1", headers={"authorization": f"Basic {token}"}),
        ):
            error_of(answer, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "bearer  ", "Bearer  "])
async def test_the_name_of_the_scheme_has_no_case(scheme: str, running: Edge) -> None:
    token = signed()
    async with running.rest() as client:
        sent = {"authorization": f"{scheme} {token}"}
        assert (await client.get("/api/v1/users/1", headers=sent)).status_code == 200
    assert running.upstream.last().metadata["authorization"] == f"Bearer {token}"
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        metadata = [("authorization", f"{scheme} {token}")]
        await stub.GetUser(user_service_pb2.GetUserRequest(), metadata=metadata, timeout=5)


async def test_the_service_gets_the_token_to_verify_it_again(running: Edge) -> None:
    token = signed()
    async with running.rest(token) as client:
        await client.get("/api/v1/users/1")
    assert running.upstream.last().metadata["authorization"] == f"Bearer {token}"


async def test_what_is_for_services_alone_has_no_door(running: Edge) -> None:
    metadata = [("authorization", f"Bearer {signed(role='SERVICE')}")]
    async with running.grpc() as channel:
        stub = domain_event_service_pb2_grpc.DomainEventServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.RecordDomainEvents(
                domain_event_service_pb2.RecordDomainEventsRequest(), metadata=metadata, timeout=5
            )
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert not running.upstream.calls


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.reflection.v1.ServerReflection/Nothing",
        "/grpc.health.v1.Health/Check",
        "/emporium.user.v1.NoService/Get",
    ],
)
async def test_services_that_are_not_the_contract_s_have_no_door(
    method: str, running: Edge
) -> None:
    async with running.grpc() as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"", metadata=[("authorization", f"Bearer {signed()}")], timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_an_open_stream_to_no_service_is_told_so_at_once(running: Edge) -> None:
    method = "/grpc.health.v1.Health/Watch"
    async with running.grpc() as channel:
        asking: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        call = asking(timeout=5)  # nothing is written, nor is the writing ended
        assert await call.code() is grpc.StatusCode.UNIMPLEMENTED
