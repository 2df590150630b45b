"""Where the pipeline meets the engine: what travels beside an answer."""

from typing import Any

import grpc
import pytest

from server.kit.context import Context
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, echo, request, response
from tests.server.refusals import refused

FROM_REST = {"x-emporium-door": "rest", "x-body-fields": "text", "x-query-fields": ""}


async def headers_of(call: Any) -> dict[str, str]:
    return dict(await call.initial_metadata())


async def test_a_create_says_201_and_where(ping: Ping) -> None:
    call = ping.call("Create", request(text="one"), headers=FROM_REST)
    assert (await call).text == "one"
    assert await headers_of(call) == {
        "x-http-status": "201",
        "location": "/api/v1/pings/one",
    }


async def test_a_create_by_native_grpc_says_neither(ping: Ping) -> None:
    call = ping.call("Create", request(text="one"))
    await call
    assert await headers_of(call) == {}


async def test_a_plain_success_says_nothing_more(ping: Ping) -> None:
    call = ping.call("Ping", headers=FROM_REST)
    await call
    assert "x-http-status" not in await headers_of(call)


async def test_a_servicer_may_add_headers(running: Running) -> None:
    async def add(message: Any, context: Context) -> Any:
        context.headers.append(("x-more", "yes"))
        return await echo(message, context)

    async with running(add) as ping:
        call = ping.call("Ping", headers=FROM_REST)
        await call
        assert (await headers_of(call))["x-more"] == "yes"


@pytest.mark.parametrize("name", ["Ping", "Create", "Count", "Collect", "Echo"])
async def test_a_refusal_says_its_http_status_in_every_shape(ping: Ping, name: str) -> None:
    message = request(text="x" * 21)
    answer = await refused(ping.call(name, [message] if name in ("Collect", "Echo") else message))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.headers["x-http-status"] == "422"
    assert "location" not in answer.headers


async def test_a_stream_that_fails_late_still_says_why(running: Running) -> None:
    seen = []

    async def fail_later(message: Any, context: Context) -> Any:
        seen.append(message)
        if len(seen) == 2:
            raise RuntimeError("late")
        return response()

    async with running(fail_later) as ping:
        answer = await refused(ping.call("Count"))
    assert answer.reason == "INTERNAL"


async def test_an_rpc_that_does_not_exist_is_unimplemented(ping: Ping) -> None:
    pong: Any = ping.channel.unary_unary("/ping.v1.PingService/Pong")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await pong(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
