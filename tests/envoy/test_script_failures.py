"""A script that fails, wherever it does, ends the call in a 500: nothing passes as it was."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.rpc.error_details_pb2 import BadRequest
from grpc import StatusCode

from emporium.order.v1.order_service_pb2 import Order
from emporium.type.v1.page_pb2 import PageMeta
from emporium.user.v1.user_service_pb2 import ListUsersResponse, User
from tests import asking
from tests.asking import RPCS
from tests.campaign.http2 import Answer, Connection, Request, connected
from tests.e2e.extreme_requests import INTERNAL
from tests.envoy.conftest import SCRIPT_FAILURES, Edge, edge_before, signed
from tests.envoy.planting import HEADER, functions, planted
from tests.envoy.upstream import Upstream, always, refusing

ID = "failing"
_JSON = (("content-type", "application/json"),)
_WEB = (("content-type", "application/grpc-web+proto"),)
_GET_USER = "/emporium.user.v1.UserService/GetUser"
TOKEN = (("authorization", f"Bearer {signed(role='ADMIN')}"),)
Usual = Sequence[tuple[Request, Any]]
NO_TOKEN: tuple[tuple[str, str], ...] = ()


ANSWERS = {
    "GetUser": always(User(id="1", etag="v1")),
    "ListUsers": always(ListUsersResponse(meta=PageMeta(page=1))),
    "ListOrders": refusing(StatusCode.UNAVAILABLE, "UNAVAILABLE", 503),
    "GetOrder": refusing(StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED", 422, BadRequest()),
    "CreateOrder": always(Order(id="1"), x_http_status="201", location="/1"),
}


def ways() -> Iterator[Request]:
    """Every rpc by every door, and what makes the scripts do what they seldom do."""
    for rpc in RPCS:
        message = asking.good(rpc)
        for way in (*asking.by_rest(rpc, message), asking.by_grpc(rpc, message)):
            if rpc.name not in INTERNAL:
                yield with_headers(way, TOKEN)
    user = "/api/v1/users/1"
    yield Request("GET", user, NO_TOKEN)
    yield Request("HEAD", user, TOKEN)
    yield Request("GET", user, (*TOKEN, ("if-none-match", '"v1"')))
    yield Request("GET", user, (*TOKEN, ("if-match", '"v1"')))
    yield Request("GET", f"{user}?a=%41", TOKEN)
    yield Request("GET", user, (*TOKEN, ("accept", "text/html")))
    yield Request("GET", user, (*TOKEN, ("user-agent", "caf\u00e9")))
    yield Request("GET", "/api/v1/orders/1", TOKEN)  # which is refused
    yield Request("OPTIONS", user)
    yield Request("GET", "/nowhere")
    yield Request("GET", "/health")
    bodies = (b"{", b'{"email":1}', b'{"new":{"a":[1]}}', b'{"role":"KING"}', b'{"a":"\\""}')
    for body in (*bodies, b'{"a":[null]}'):
        yield Request("PATCH", user, (*TOKEN, *_JSON), body)
    yield Request("POST", "/api/v1/auth/token", _JSON, b"{}")
    yield Request("POST", "/api/v1/auth/token?grant_type=x", _JSON, b"{")
    for kind in (_WEB, (("content-type", "application/grpc"), ("te", "trailers"))):
        yield Request("POST", _GET_USER, kind, b"\0\0\0\0\0")


def with_headers(request: Request, headers: tuple[tuple[str, str], ...]) -> Request:
    return Request(request.verb, request.path, (*request.headers, *headers), request.body)


@dataclass
class Failing:
    """An edge whose scripts fail where they are told to."""

    edge: Edge
    connection: Connection

    async def call(self, way: Request, function: str | None = None) -> Answer:
        named = ((HEADER, function),) if function else ()
        return await self.connection.call(with_headers(way, (("x-request-id", ID), *named)))

    async def failures(self) -> int:
        return await self.edge.stat(SCRIPT_FAILURES)


@asynccontextmanager
async def failing_edge(folder: Path, *, guarded: bool = True) -> AsyncIterator[Failing]:
    (folder / "edge").mkdir()
    async with Upstream(answers=dict(ANSWERS)) as upstream:
        await upstream.serving(True)
        async with edge_before(
            upstream,
            folder / "edge",
            source=planted(folder, guarded=guarded),
            per_minute=10**6,
            login_per_minute=10**6,
            scripts_fail=True,
        ) as edge:
            connection = await connected(edge.port)
            with closing(connection):
                yield Failing(edge, connection)


def told(answer: Answer) -> Any:
    """What a caller can tell apart."""
    return answer.outcome, bytes(answer.body), answer.headers.get("etag")


def is_closed(way: Request, answer: Answer) -> bool:
    """Whether the answer says that it failed, and nothing else."""
    if answer.outcome.startswith("grpc"):
        return answer.outcome == "grpc 13" and not answer.body
    if answer.outcome != "500" or answer.headers.get("etag") or answer.headers.get("location"):
        return False
    if way.verb == "HEAD":
        return not answer.body
    body = json.loads(answer.body)
    error = body.pop("error")
    if error == "server_error":  # as RFC 6749 has it
        return bool(way.path.startswith("/api/v1/auth/token"))
    assert answer.headers["content-type"] == "application/json"
    assert "no-store" in answer.headers["cache-control"].split(", ")  # more, where events stream
    assert "content-security-policy" in answer.headers
    return bool(body == {"status": "error", "request_id": ID} and error["code"] == "INTERNAL")


async def ended_by(function: str, usual: Usual, failing: Failing) -> int:
    """How many of the calls end there; none is answered otherwise than as ever, or so."""
    ended = 0
    for way, as_ever in usual:
        answer = await failing.call(way, function)
        if told(answer) != as_ever:
            assert is_closed(way, answer), (function, way, told(answer))
            ended += 1
    return ended


async def test_nothing_passes_a_function_that_fails(tmp_path: Path) -> None:
    async with failing_edge(tmp_path) as failing:
        usual = [(way, told(await failing.call(way))) for way in ways()]
        assert await failing.failures() == 0
        ended = {each: await ended_by(each, usual, failing) for each in functions()}
        assert [function for function, calls in ended.items() if not calls] == []
        assert await failing.failures() == sum(ended.values())


async def test_the_log_says_that_a_script_has_failed(tmp_path: Path) -> None:
    async with failing_edge(tmp_path) as failing:
        for function, details in (
            ("rest.enveloped_success", "via_upstream"),
            ("rest.announce", "lua_response"),
            ("body_fields.query_fields", "lua_response"),
        ):
            way = Request("GET", "/api/v1/users/1", (*TOKEN, ("x-request-id", function)))
            await failing.connection.call(with_headers(way, ((HEADER, function),)))
            line = await failing.edge.logged(f'"request_id":"{function}"')
            assert (line["reason"], line["details"]) == ("INTERNAL", details)
            assert (line["status"], line["grpc_status"]) == (500, "INTERNAL")


async def test_without_the_guard_calls_would_pass(tmp_path: Path) -> None:
    """The control of what is above."""
    async with failing_edge(tmp_path, guarded=False) as failing:
        way = Request("GET", "/api/v1/users/1", TOKEN)
        for function in ("rest.enveloped_success", "rest.announce", "body_fields.query_fields"):
            answer = await failing.call(way, function)
            assert not is_closed(way, answer)
            assert answer.outcome == "200"
