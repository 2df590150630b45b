"""Servicers that the contract does not describe are logged, counted and masked as our own are."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import grpc
import pytest

from emporium.deadline import request_id
from server.kit import errors
from server.kit.auth import Verifier
from server.kit.call.foreign import ForeignServicers
from tests.server.kit import foreign as foreigners
from tests.server.kit.conftest import Lines
from tests.server.kit.foreign import (
    BROKEN,
    SERVICE,
    SHAPES,
    Foreign,
    ForeignServicer,
    echo,
    register,
)
from tests.server.refusals import refused

Running = Callable[..., AbstractAsyncContextManager[Foreign]]


@pytest.fixture
def running(verifier: Verifier) -> Running:
    """`async with running(behaviour) as foreign`: the servicer with that behaviour."""
    return partial(foreigners.running, verifier)


async def fail(message: bytes, context: Any) -> bytes:
    raise RuntimeError("a secret")


class Hanging:
    """A behaviour that hangs, and knows when it began."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def __call__(self, message: bytes, context: Any) -> bytes:
        self.began.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def answers(call: Any) -> list[bytes]:
    return [each async for each in call] if hasattr(call, "__aiter__") else [await call]


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_answers_and_is_logged_and_counted(
    running: Running, lines: Lines, name: str
) -> None:
    async with running(echo) as foreign:
        assert set(await answers(foreign.call(name, x_request_id="one"))) == {b"hello"}
        await foreign.in_flight.ended(5)
        assert foreign.counted(name, "OK") == (1, 1, 1)
    (line,) = lines
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "call",
        "log_level": "info",
        "method": f"{SERVICE}/{name}",
        "request_id": "one",
        "caller": None,
        "code": "OK",
    }


@pytest.mark.parametrize("name", SHAPES)
async def test_the_text_of_an_unknown_exception_stays_in_the_log(
    running: Running, lines: Lines, name: str
) -> None:
    async with running(fail) as foreign:
        answer = await refused(foreign.call(name, x_request_id="broken"))
        await foreign.in_flight.ended(5)
        assert foreign.counted(name, "INTERNAL") == (1, 1, 1)
    assert (answer.code, answer.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert answer.request_id == "broken"
    assert "secret" not in str(answer.status) + str(answer.headers) + answer.message
    (line,) = lines
    assert (line["log_level"], line["request_id"]) == ("error", "broken")
    assert str(line["exc_info"]) == "a secret"


@pytest.mark.parametrize("name", SHAPES)
async def test_bytes_that_are_no_message_are_refused_and_reported(
    running: Running, lines: Lines, name: str
) -> None:
    async with running(echo) as foreign:
        answer = await refused(foreign.call(name, BROKEN))
        await foreign.in_flight.ended(5)
        assert foreign.counted(name, "INVALID_ARGUMENT") == (1, 1, 1)
    assert (answer.code, answer.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_REQUEST",
    )
    assert "secret" not in str(answer.status) + answer.message
    assert [line["reason"] for line in lines] == ["MALFORMED_REQUEST"]


@pytest.mark.parametrize("name", SHAPES)
async def test_a_status_that_the_servicer_gives_is_sent_and_reported(
    running: Running, lines: Lines, name: str
) -> None:
    async def abort(message: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        raise AssertionError("unreachable")

    async with running(abort) as foreign:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await answers(foreign.call(name))
        await foreign.in_flight.ended(5)
        assert foreign.counted(name, "NOT_FOUND") == (1, 1, 1)
    assert (raised.value.code(), raised.value.details()) == (
        grpc.StatusCode.NOT_FOUND,
        "no such thing",
    )
    (line,) = lines
    assert (line["log_level"], line["code"], line["message"]) == (
        "info",
        "NOT_FOUND",
        "no such thing",
    )


async def test_a_status_that_is_set_instead_of_raised_is_reported_too(
    running: Running, lines: Lines
) -> None:
    async def set_code(message: bytes, context: Any) -> bytes:
        context.set_code(grpc.StatusCode.UNAVAILABLE)
        return message

    async with running(set_code) as foreign:
        with pytest.raises(grpc.aio.AioRpcError):
            await foreign.call("Ask")
        assert foreign.counted("Ask", "UNAVAILABLE") == (1, 1, 1)
    assert [line["code"] for line in lines] == ["UNAVAILABLE"]


async def test_an_error_of_ours_is_answered_as_everywhere(running: Running) -> None:
    async def refuse(message: bytes, context: Any) -> bytes:
        raise errors.Invalid("a field is wrong", field="text")

    async with running(refuse) as foreign:
        for name in SHAPES:
            answer = await refused(foreign.call(name))
            assert (answer.reason, list(answer.violations)) == ("VALIDATION_FAILED", ["text"])


@pytest.mark.parametrize("name", SHAPES)
async def test_a_caller_that_hangs_up_is_reported_and_no_longer_in_flight(
    running: Running, lines: Lines, name: str
) -> None:
    hanging = Hanging()
    async with running(hanging) as foreign:
        call = foreign.call(name)
        under_way = asyncio.ensure_future(answers(call))
        await asyncio.wait_for(hanging.began.wait(), 5)
        assert foreign.in_flight.count == 1
        call.cancel()
        await asyncio.wait({under_way})
        await foreign.in_flight.ended(5)
        assert foreign.in_flight.count == 0
    assert [(line["log_level"], line["code"]) for line in lines] == [("info", "CANCELLED")]


async def test_a_stream_that_is_left_while_it_waits_to_send_is_closed_and_reported(
    running: Running, lines: Lines
) -> None:
    async def big(message: bytes, context: Any) -> bytes:
        return b"x" * 1_000_000

    async with running(big) as foreign:
        call = foreign.call("Follow", b"for ever")
        await anext(aiter(call))
        call.cancel()
        await foreign.in_flight.ended(5)
        assert foreign.in_flight.count == 0
    assert [line["code"] for line in lines] == ["CANCELLED"]


async def test_calls_that_it_makes_carry_the_request_id_on(running: Running) -> None:
    async def tell(message: bytes, context: Any) -> bytes:
        return (request_id.get() or "").encode()

    async with running(tell) as foreign:
        for name in SHAPES:
            assert set(await answers(foreign.call(name, x_request_id="mine"))) == {b"mine"}


async def test_a_method_is_wrapped_when_it_is_registered_and_not_at_each_call(
    verifier: Verifier,
) -> None:
    servicers = ForeignServicers(())
    register(ForeignServicer(echo), servicers)
    (generic,) = await servicers.handlers()

    class Details(grpc.HandlerCallDetails):
        method = f"/{SERVICE}/Ask"
        invocation_metadata = ()

    first, second = generic.service(Details()), generic.service(Details())
    assert first is second
    assert first
    assert inspect.iscoroutinefunction(first.stream_unary)
