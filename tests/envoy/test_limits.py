"""How often a client may call, exactly: a hundred times in any minute, whoever counts it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx
import pytest

from emporium.user.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)
from tests.envoy.conftest import Edge, error_of, signed

# The calls below take a few seconds: none of the hundred is a minute old by then.
TRIED = 103
# The bucket of large bodies gains one in 3 s.
AT_ONCE = 5
GAINED_MEANWHILE = 10


async def answers_until_refused(client: httpx.AsyncClient, path: str) -> list[httpx.Response]:
    answers = []
    for _ in range(TRIED):
        answers.append(await client.get(path))
        if answers[-1].status_code == 429:
            break
    return answers


@pytest.mark.parametrize("path", ["/api/v1/products", "/nowhere"])
async def test_an_address_has_a_hundred_calls(
    path: str, running: Edge, anonymous: httpx.AsyncClient
) -> None:
    *allowed, last = await answers_until_refused(anonymous, path)
    assert len(allowed) == 100
    error_of(last, 429, "RATE_LIMITED")
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert last.headers["x-rate-limit-limit"] == "100"
    assert last.headers["x-rate-limit-remaining"] == "0"
    assert [int(each.headers["x-rate-limit-remaining"]) for each in allowed] == [*range(99, -1, -1)]
    assert last.headers["ratelimit-policy"] == '"anonymous";q=100;w=60'
    wait = last.headers["retry-after"]
    assert last.headers["ratelimit"] == f'"anonymous";r=0;t={wait}'
    assert last.headers["x-rate-limit-reset"] == wait


async def test_evasion_buys_nothing(running: Edge) -> None:
    """Whatever a caller changes but who they are: one count, at every door."""
    subject = str(uuid.uuid4())
    async with running.rest() as client, running.rest(http2=True) as newer:
        for n in range(100):
            path = ("/api/v1/users/1", "/api/v1/./users/1", "/api/v1/users/1?a", "/API/v1/users")[
                n % 4
            ]
            headers = {
                "authorization": f"Bearer {signed(sub=subject)}",  # another token each time
                "x-forwarded-for": f"10.1.2.{n}",
                "forwarded": f"for=10.1.2.{n}",
                "x-real-ip": f"10.1.2.{n}",
                "X-Emporium-Subject": str(n),
                "x-emporium-told": "200",
            }
            answer = await (client, newer)[n % 2].get(path, headers=headers)
            assert answer.status_code != 429, n
        token = {"authorization": f"bearer {signed(sub=subject)}"}
        error_of(await client.get("/nowhere", headers=token), 429, "RATE_LIMITED")
        error_of(await newer.get("/api/v1/users/1", headers=token), 429, "RATE_LIMITED")
        web = token | {"content-type": "application/grpc-web+proto"}
        rpc = "/emporium.user.v1.UserService/GetUser"
        answer = await client.post(rpc, headers=web, content=bytes(5))
        assert answer.headers["grpc-status"] == "8"  # RESOURCE_EXHAUSTED
    oldest = f"GET /api/v1/users/1 HTTP/1.0\r\nAuthorization: {token['authorization']}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(oldest.encode())
    assert b" 429 " in await reader.readline()
    writer.close()
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        metadata = [("authorization", f"Bearer {signed(sub=subject)}")]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetUser(user_service_pb2.GetUserRequest(), metadata=metadata, timeout=5)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("role", "name", "calls"),
    [
        ("CUSTOMER", "client", 100),
        ("STAFF", "staff", 1_000),
        ("ADMIN", "staff", 1_000),
        ("SERVICE", "service", 6_000),
        (None, "client", 100),  # refused, and counted
    ],
)
async def test_a_role_has_the_limit_of_its_class(
    role: str | None, name: str, calls: int, running: Edge
) -> None:
    subject = str(uuid.uuid4())
    forged = {"x-emporium-role": "STAFF" if role != "STAFF" else "CUSTOMER"}
    for left in (calls - 1, calls - 2):
        async with running.rest(signed(sub=subject, role=role)) as client:
            answer = await client.get("/api/v1/users/1", headers=forged)
        assert answer.headers["ratelimit-policy"] == f'"{name}";q={calls};w=60'
        assert answer.headers["x-rate-limit-remaining"] == str(left)
    assert all("x-emporium-role" not in call.metadata for call in running.upstream.calls)


async def test_staff_are_counted_by_their_person(running: Edge) -> None:
    subject = str(uuid.uuid4())
    left = []
    for role in ("STAFF", "ADMIN", "STAFF"):
        async with running.rest(signed(sub=subject, role=role)) as client:
            answer = await client.get("/api/v1/users/1")
        left.append(int(answer.headers["x-rate-limit-remaining"]))
    assert left == [999, 998, 997]


async def test_nobody_without_a_token_has_a_role(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    for header in ("x-emporium-role", "X-Emporium-Role"):
        answer = await anonymous.get("/api/v1/products", headers={header: "STAFF"})
        assert answer.headers["x-rate-limit-limit"] == "100"


async def test_a_forged_token_counts_for_its_address(running: Edge) -> None:
    async with running.rest() as client:
        for number in range(TRIED):
            forged = {"authorization": f"Bearer forged.{number}.token"}
            answer = await client.get("/api/v1/users/1", headers=forged)
            if answer.status_code == 429:
                break
        else:
            pytest.fail("forged tokens are not counted")


async def test_a_subject_is_counted_wherever_it_calls_from(running: Edge) -> None:
    token = signed(sub="the same")
    async with running.rest(token) as first, running.rest(token) as second:
        await answers_until_refused(first, "/api/v1/users/1")
        assert (await second.get("/api/v1/users/1")).status_code == 429


async def test_another_subject_at_the_same_address_is_not_affected(running: Edge) -> None:
    async with running.rest() as client:
        for subject in ("one", "two"):
            client.headers["authorization"] = f"Bearer {signed(sub=subject)}"
            assert (await client.get("/api/v1/users/1")).status_code == 200
            if subject == "one":
                await answers_until_refused(client, "/api/v1/users/1")


async def test_a_forged_subject_header_buys_nothing(running: Edge) -> None:
    async with running.rest() as client:
        for number in range(TRIED):
            forged = {"x-emporium-subject": str(number), "x-forwarded-for": f"10.0.0.{number}"}
            answer = await client.get("/api/v1/products", headers=forged)
            if answer.status_code == 429:
                break
        else:
            pytest.fail("each forged subject got a count of its own")


async def test_a_login_may_be_tried_five_times(running: Edge, anonymous: httpx.AsyncClient) -> None:
    statuses = [(await anonymous.post("/api/v1/auth/login", json={})).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert (await anonymous.get("/api/v1/products")).status_code == 200


async def test_an_exchange_may_be_tried_thirty_times(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    form = {"grant_type": "client_credentials"}
    answers = [await anonymous.post("/api/v1/auth/token", data=form) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert answers.index(refused[0]) == 30
    assert len(refused) == 10
    assert set(refused[0].json()) == {"error", "error_description"}  # as RFC 6749 has it
    assert int(refused[0].headers["retry-after"]) >= 1
    assert (await anonymous.get("/api/v1/products")).status_code == 200


async def test_native_grpc_is_limited_too(running: Edge) -> None:
    metadata = [("authorization", f"Bearer {signed()}")]
    async with running.grpc() as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)

        async def call_until_refused() -> None:
            for _ in range(TRIED):
                await stub.GetUser(user_service_pb2.GetUserRequest(), metadata=metadata, timeout=5)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call_until_refused()
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_login_by_native_grpc_has_the_same_limit(running: Edge) -> None:
    async with running.grpc() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)

        async def call_until_refused() -> None:
            for _ in range(7):
                await stub.Login(auth_service_pb2.LoginRequest(), timeout=5)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call_until_refused()
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_probes_are_not_limited(running: Edge, anonymous: httpx.AsyncClient) -> None:
    statuses = {(await anonymous.get("/ready")).status_code for _ in range(120)}
    assert statuses == {200}


def large_body(*, has_length: bool) -> Any:
    """Content for httpx that takes the edge long to read: 100 KB of JSON that names no field."""
    body = b'{"type": "' + b"x" * 100_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    return body if has_length else chunks()


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("is_signed", [True, False])
async def test_of_large_bodies_a_caller_may_send_few_at_once(
    is_signed: bool, has_length: bool, running: Edge
) -> None:
    path, token = ("/api/v1/events", signed()) if is_signed else ("/api/v1/users", None)
    json_type = {"content-type": "application/json"}
    async with running.rest(token) as client:
        # Of 20 a minute 5 are there at once, and one more comes in 3 s.
        answers: list[httpx.Response] = []
        while len(answers) < AT_ONCE + GAINED_MEANWHILE:
            content = large_body(has_length=has_length)
            answers.append(await client.post(path, content=content, headers=json_type))
            if answers[-1].status_code == 429:
                break
        *allowed, answer = answers
        assert AT_ONCE <= len(allowed) < AT_ONCE + GAINED_MEANWHILE
        error_of(answer, 429, "RATE_LIMITED")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert (await client.post(path, json={"type": "small"})).status_code != 429
    async with running.rest(signed()) as other:
        content = large_body(has_length=has_length)
        answer = await other.post("/api/v1/events", content=content, headers=json_type)
        assert answer.status_code != 429
