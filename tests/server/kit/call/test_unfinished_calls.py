"""What callers leave undone: no message, half a message, an answer that they do not take."""

import asyncio
from functools import partial
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from server.kit.call.foreign import ForeignServicers
from server.kit.context import Context
from server.kit.health import Health
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, request, response
from tests.server.kit.raw_peer import RawCall, framed
from tests.waiting import until

INVALID_ARGUMENT, DEADLINE_EXCEEDED = "3", "4"
SERVICE = "/ping.v1.PingService"
HALF = framed(b"twenty bytes of text")[:10]
HANG = framed(request(text="hang").SerializeToString())
SHORT = {"grpc-timeout": "50m"}
PATIENCE_SECONDS = 20.0  # of these tests: only a call that never ends takes so long


async def behave(message: Any, context: Context) -> Any:
    if message.text == "hang":
        await asyncio.Event().wait()
    return response(text="x" * 200_000)


async def ended(call: RawCall) -> dict[str, str]:
    async with call, asyncio.timeout(PATIENCE_SECONDS):
        return await call.end()


@pytest.mark.parametrize("headers", [{}, {"grpc-timeout": "1H"}], ids=["no deadline", "a late one"])
@pytest.mark.parametrize("body", [b"", HALF], ids=["no message", "half a message"])
@pytest.mark.parametrize("rpc", ["Ping", "Count"])
async def test_a_call_that_ends_without_its_message_is_refused_at_once(
    running: Running, lines: Lines, rpc: str, body: bytes, headers: dict[str, str]
) -> None:
    async with running(behave, deadline_seconds=3600.0) as ping:
        told = await ended(RawCall(ping.port, f"{SERVICE}/{rpc}", body, headers=headers))
        assert ping.in_flight.count == 0
    assert told["grpc-status"] == INVALID_ARGUMENT
    assert [line["reason"] for line in lines] == ["MALFORMED_REQUEST"]


@pytest.mark.parametrize("headers", [{}, {"grpc-timeout": "1H"}], ids=["no deadline", "a late one"])
@pytest.mark.parametrize("body", [b"", HALF], ids=["no message", "half a message"])
@pytest.mark.parametrize("rpc", ["Ping", "Count"])
async def test_so_is_one_that_is_given_up_without_it(
    running: Running, lines: Lines, rpc: str, body: bytes, headers: dict[str, str]
) -> None:
    """As the edge does when it refuses a body, of which it tells the caller by itself."""
    async with running(behave, deadline_seconds=3600.0) as ping:
        call = RawCall(ping.port, f"{SERVICE}/{rpc}", body, ends=False, headers=headers)
        async with call, asyncio.timeout(PATIENCE_SECONDS):
            await until(partial(is_under_way, ping))
            call.hang_up()
            await ping.in_flight.ended(PATIENCE_SECONDS)
    assert [line["reason"] for line in lines] == ["MALFORMED_REQUEST"]


async def is_under_way(ping: Ping) -> bool:
    return ping.in_flight.count == 1


async def test_one_that_is_given_up_later_is_not(running: Running, lines: Lines) -> None:
    asked = asyncio.Event()

    async def hang(message: Any, context: Context) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async with running(hang, deadline_seconds=3600.0) as ping:
        call = RawCall(ping.port, f"{SERVICE}/Ping", HANG)
        async with call, asyncio.timeout(PATIENCE_SECONDS):
            await asked.wait()
            call.hang_up()
            await ping.in_flight.ended(PATIENCE_SECONDS)
    assert [(line["code"], line["reason"]) for line in lines] == [
        ("CANCELLED", "DEADLINE_EXCEEDED")
    ]


@pytest.mark.parametrize("rpc", ["Collect", "Echo"])
async def test_a_stream_may_end_without_a_message(running: Running, rpc: str) -> None:
    async with running(behave) as ping:
        assert (await ended(RawCall(ping.port, f"{SERVICE}/{rpc}")))["grpc-status"] == "0"


@pytest.mark.parametrize(
    "undone",
    [
        {"ends": False},
        {"ends": False, "body": HALF},
        {"body": HANG},
        {"body": framed(b""), "window": 0},
    ],
    ids=["sends nothing", "sends half a message", "waits", "takes nothing of the answer"],
)
@pytest.mark.parametrize("rpc", ["Ping", "Count", "Collect", "Echo"])
async def test_no_call_outlives_its_deadline(
    running: Running, rpc: str, undone: dict[str, Any]
) -> None:
    async with running(behave, deadline_seconds=3600.0) as ping:
        told = await ended(RawCall(ping.port, f"{SERVICE}/{rpc}", headers=SHORT, **undone))
    assert told["grpc-status"] == DEADLINE_EXCEEDED


@pytest.mark.parametrize("body", [b"", HALF], ids=["sends nothing", "sends half a message"])
@pytest.mark.parametrize("rpc", ["Ping", "Count", "Collect"])
async def test_our_deadline_bounds_the_wait_for_the_message_where_there_is_no_other(
    running: Running, rpc: str, body: bytes
) -> None:
    async with running(behave, deadline_seconds=0.05) as ping:
        told = await ended(RawCall(ping.port, f"{SERVICE}/{rpc}", body, ends=False))
    assert told["grpc-status"] == DEADLINE_EXCEEDED


async def test_health_is_not_left_waiting_either(lines: Lines) -> None:
    foreign = ForeignServicers(())
    Health(["ping"], {}).register(foreign)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(await foreign.handlers())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    for rpc in ("Check", "Watch"):
        told = await ended(RawCall(port, f"/grpc.health.v1.Health/{rpc}"))
        assert told["grpc-status"] == INVALID_ARGUMENT
    asked = framed(health_pb2.HealthCheckRequest().SerializeToString())
    told = await ended(RawCall(port, "/grpc.health.v1.Health/Check", asked))
    assert told["grpc-status"] == "0"
    await server.stop(0)
