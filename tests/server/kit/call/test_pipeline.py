"""The pipeline itself: order, deadlines, callers that leave, messages that cannot be read."""

import asyncio
import time
from typing import Any

import grpc
import pytest

from emporium.deadline import deadline_at
from server.kit.context import Context
from tests.server.conftest import Token
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, request, response, service
from tests.server.refusals import refused

STREAMS_IN = ("Collect", "Echo")


def given(name: str) -> Any:
    return [request()] if name in STREAMS_IN else request()


async def tell_deadline(message: Any, context: Context) -> Any:
    at = deadline_at.get()
    return response(text="none" if at is None else f"{at - time.monotonic():.3f}")


async def first(call: Any) -> Any:
    if not hasattr(call, "__aiter__"):
        return await call
    answers = [answer async for answer in call]
    return answers[0]


@pytest.mark.parametrize("name", ["Ping", "Count", "Collect", "Echo"])
async def test_the_callers_deadline_is_handed_on(running: Running, name: str) -> None:
    async with running(tell_deadline) as ping:
        answer = await first(ping.call(name, given(name), timeout=3))
    assert 0 < float(answer.text.split(",")[0]) < 3.1


async def test_a_caller_without_a_deadline_gets_ours(running: Running) -> None:
    async with running(tell_deadline, deadline_seconds=2.0) as ping:
        answer = await ping.call("Ping")
    assert 0 < float(answer.text) <= 2


async def test_a_stream_without_a_deadline_has_none(running: Running) -> None:
    async with running(tell_deadline) as ping:
        assert [answer.text async for answer in ping.call("Count")] == ["none"] * 3


@pytest.mark.parametrize("name", ["Ping", "Collect"])
async def test_our_deadline_ends_the_call_and_says_so(
    running: Running, lines: Lines, name: str
) -> None:
    async def hang(message: Any, context: Context) -> Any:
        await asyncio.Event().wait()

    async with running(hang, deadline_seconds=0.05) as ping:
        answer = await refused(ping.call(name, given(name)))
        assert ping.in_flight.count == 0
    assert (answer.code, answer.reason) == (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "DEADLINE_EXCEEDED",
    )
    assert lines[0]["code"] == "DEADLINE_EXCEEDED"


class Hanging:
    """A behaviour that hangs, and knows when it began and was cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, message: Any, context: Context) -> Any:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@pytest.mark.parametrize("name", ["Ping", "Count", "Collect", "Echo"])
async def test_a_caller_that_hangs_up_is_heard_and_reported(
    running: Running, lines: Lines, name: str
) -> None:
    hanging = Hanging()
    async with running(hanging) as ping:
        call = ping.call(name, given(name))
        if name in ("Ping", "Collect"):
            await asyncio.wait_for(hanging.began.wait(), 5)
        else:
            reading = asyncio.ensure_future(anext(aiter(call)))
            await asyncio.wait_for(hanging.began.wait(), 5)
            reading.cancel()
        call.cancel()
        await asyncio.wait_for(hanging.cancelled.wait(), 5)
        await ping.in_flight.ended(5)
        assert ping.in_flight.count == 0
    assert [(line["log_level"], line["code"]) for line in lines] == [("info", "CANCELLED")]


async def test_a_stream_that_is_left_while_it_waits_to_send_is_closed_and_reported(
    running: Running, lines: Lines
) -> None:
    async def big(message: Any, context: Context) -> Any:
        return response(text="x" * 1_000_000)

    async with running(big) as ping:
        call = ping.call("Count", request(text="for ever"))
        await anext(aiter(call))
        call.cancel()
        await ping.in_flight.ended(5)
    # gRPC may have a line of its own: `telemetry/logs.py` keeps it from the log.
    assert [line["code"] for line in lines if line["event"] == "call"] == ["CANCELLED"]


async def test_a_cancellation_that_nobody_asked_for_gets_an_answer(
    running: Running, lines: Lines
) -> None:
    """Something awaited was cancelled, as a shared read may be; the caller is still there."""

    async def share(message: Any, context: Context) -> Any:
        raise asyncio.CancelledError

    async with running(share) as ping:
        answer = await refused(ping.call("Ping", timeout=5))
    assert answer.code is grpc.StatusCode.INTERNAL
    assert lines[0]["log_level"] == "error"


@pytest.mark.parametrize("name", ["Ping", "Count", "Collect", "Echo"])
async def test_bytes_that_are_no_message_are_refused_and_reported(
    ping: Ping, lines: Lines, name: str
) -> None:
    shape = "stream_" if name in STREAMS_IN else "unary_"
    shape += "stream" if name in ("Count", "Echo") else "unary"
    rpc = getattr(ping.channel, shape)(f"/{service().full_name}/{name}")
    broken = b"\xff\xff\xff"
    answer = await refused(rpc(iter([broken]) if name in STREAMS_IN else broken))
    assert (answer.code, answer.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_REQUEST",
    )
    assert lines[0]["reason"] == "MALFORMED_REQUEST"


@pytest.mark.parametrize("name", ["Ping", "Count"])
async def test_an_answer_of_the_wrong_kind_is_a_defect_and_no_secret_gets_out(
    running: Running, lines: Lines, name: str
) -> None:
    async def confuse(message: Any, context: Context) -> Any:
        return "a secret"

    async with running(confuse) as ping:
        answer = await refused(ping.call(name))
    assert answer.reason == "INTERNAL"
    assert "secret" not in str(answer.status)
    assert lines[0]["log_level"] == "error"


async def test_who_calls_is_asked_before_what_is_sent(ping: Ping, token: Token) -> None:
    invalid = request(text="x" * 21)
    stranger = await refused(ping.call("Staff", invalid))
    customer = await refused(ping.call("Staff", invalid, token("CUSTOMER")))
    staff = await refused(ping.call("Staff", invalid, token("STAFF")))
    assert [stranger.reason, customer.reason, staff.reason] == [
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "VALIDATION_FAILED",
    ]


async def test_every_message_of_a_stream_is_checked(ping: Ping) -> None:
    third = request(text="x" * 21)
    for name in STREAMS_IN:
        answer = await refused(ping.call(name, [request(), request(), third]))
        assert list(answer.violations) == ["text"]


async def test_all_four_shapes_work(ping: Ping) -> None:
    two = [request(text="a"), request(text="b")]
    assert (await ping.call("Ping", two[0])).text == "a"
    assert [answer.text async for answer in ping.call("Count", two[0])] == ["a", "a", "a"]
    assert (await ping.call("Collect", two)).text == "a,b"
    assert [answer.text async for answer in ping.call("Echo", two)] == ["a", "b"]
