"""Calls are counted by the names that gRPC dashboards know."""

from typing import Any

import pytest

from server.kit import errors
from server.kit.context import Context
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, echo, request
from tests.server.refusals import refused

SHAPES = {
    "Ping": "unary",
    "Count": "server_stream",
    "Collect": "client_stream",
    "Echo": "bidi_stream",
}


def labels(name: str) -> dict[str, str]:
    return {
        "grpc_type": SHAPES[name],
        "grpc_service": "ping.v1.PingService",
        "grpc_method": name,
    }


def seen(ping: Ping, name: str, code: str) -> tuple[float | None, ...]:
    """Started, handled with `code`, and durations observed."""
    return (
        ping.metric("grpc_server_started_total", **labels(name)),
        ping.metric("grpc_server_handled_total", **labels(name), grpc_code=code),
        ping.metric("grpc_server_handling_seconds_count", **labels(name)),
    )


async def odd(message: Any, context: Context) -> Any:
    if message.text == "fail":
        raise errors.NotFound("no such ping")
    return await echo(message, context)


@pytest.mark.parametrize("name", SHAPES)
async def test_each_shape_is_counted_once_a_call(running: Running, name: str) -> None:
    streams = name in ("Collect", "Echo")
    async with running(odd) as ping:
        for text in ("", "fail", "fail"):
            message = request(text=text)
            call = ping.call(name, [message] if streams else message)
            if text:
                await refused(call)
            elif hasattr(call, "__aiter__"):
                assert [answer async for answer in call]
            else:
                await call
        assert seen(ping, name, "OK") == (3, 1, 3)
        assert seen(ping, name, "NOT_FOUND") == (3, 2, 3)


async def test_a_method_that_was_never_called_is_shown_as_zero(running: Running) -> None:
    async with running() as ping:
        assert seen(ping, "Ping", "OK") == (0, 0, 0)


async def test_refusals_before_the_servicer_are_counted_too(running: Running) -> None:
    async with running() as ping:
        await refused(ping.call("Ping", request(text="x" * 21)))
        assert seen(ping, "Ping", "INVALID_ARGUMENT") == (1, 1, 1)


async def test_durations_fall_into_buckets_of_seconds(running: Running) -> None:
    async with running() as ping:
        await ping.call("Ping")
        name = "grpc_server_handling_seconds"
        assert ping.metric(f"{name}_bucket", **labels("Ping"), le="10.0") == 1
        assert 0 < (ping.metric(f"{name}_sum", **labels("Ping")) or 0) < 1
