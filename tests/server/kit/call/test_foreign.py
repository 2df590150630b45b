"""Servicers that the contract does not describe are logged, counted and masked as our own are."""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from emporium.deadline import request_id
from server.kit import errors
from server.kit.auth import Verifier
from server.kit.call.chain import pipeline
from server.kit.call.foreign import ForeignServicers
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from tests.server.kit.conftest import Lines
from tests.server.refusals import refused

SERVICE = "foreign.v1.ForeignService"
SHAPES = {
    "Ask": "unary_unary",
    "Tell": "stream_unary",
    "Follow": "unary_stream",
    "Write": "unary_stream",  # by `context.write`, without a generator
    "Chat": "stream_stream",
}
TYPES = {
    "unary_unary": "unary",
    "stream_unary": "client_stream",
    "unary_stream": "server_stream",
    "stream_stream": "bidi_stream",
}
Behaviour = Callable[[bytes, Any], Awaitable[bytes]]


class ForeignServicer:
    """Every rpc does what the test says, once for each message; messages are plain bytes."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def Ask(self, message: bytes, context: Any) -> bytes:  # noqa: N802 - the rpc's name
        return await self._behaviour(message, context)

    async def Tell(self, messages: Any, context: Any) -> bytes:  # noqa: N802 - the rpc's name
        return b",".join([await self._behaviour(each, context) async for each in messages])

    async def Follow(  # noqa: N802 - the rpc's name
        self, message: bytes, context: Any
    ) -> AsyncIterator[bytes]:
        for _ in itertools.count() if message == b"for ever" else range(2):
            yield await self._behaviour(message, context)

    async def Write(self, message: bytes, context: Any) -> None:  # noqa: N802 - the rpc's name
        for _ in range(2):
            await context.write(await self._behaviour(message, context))

    async def Chat(  # noqa: N802 - the rpc's name
        self, messages: Any, context: Any
    ) -> AsyncIterator[bytes]:
        async for message in messages:
            yield await self._behaviour(message, context)


class Foreign:
    """A running foreign servicer, from both sides."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = InFlight()
        self._channel = channel

    def call(self, name: str, message: bytes = b"hello", **headers: str) -> Any:
        """An rpc under way."""
        rpc: Any = getattr(self._channel, SHAPES[name])(f"/{SERVICE}/{name}")
        metadata = [(key.replace("_", "-"), value) for key, value in headers.items()]
        streams = SHAPES[name].startswith("stream")
        return rpc(iter([message]) if streams else message, metadata=metadata)

    def counted(self, name: str, code: str) -> tuple[float | None, ...]:
        """Started, handled with `code`, and durations observed."""
        labels = {
            "grpc_type": TYPES[SHAPES[name]],
            "grpc_service": SERVICE,
            "grpc_method": name,
        }
        sample = self.registry.get_sample_value
        return (
            sample("grpc_server_started_total", labels),
            sample("grpc_server_handled_total", {**labels, "grpc_code": code}),
            sample("grpc_server_handling_seconds_count", labels),
        )


async def echo(message: bytes, context: Any) -> bytes:
    return message


async def fail(message: bytes, context: Any) -> bytes:
    raise RuntimeError("the secret of the house")


class Hanging:
    """A behaviour that hangs, and knows when it began."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def __call__(self, message: bytes, context: Any) -> bytes:
        self.began.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def running(verifier: Verifier) -> Any:
    """`async with running(behaviour) as foreign`: the servicer behind our watchers."""

    @asynccontextmanager
    async def start(behaviour: Behaviour) -> AsyncIterator[Foreign]:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            foreign = Foreign(channel)
            calls = pipeline(verifier, CallMetrics(foreign.registry), foreign.in_flight, 5.0)
            servicers = ForeignServicers(calls.watchers)
            register(ForeignServicer(behaviour), servicers)
            server.add_generic_rpc_handlers(await servicers.handlers())
            await server.start()
            yield foreign
            await server.stop(0)

    return start


def register(servicer: ForeignServicer, server: ForeignServicers) -> None:
    """Does what `add_ForeignServiceServicer_to_server` would, had it been generated."""
    handlers = {
        name: getattr(grpc, f"{shape}_rpc_method_handler")(getattr(servicer, name))
        for name, shape in SHAPES.items()
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_registered_method_handlers(SERVICE, handlers)


async def answers(call: Any) -> list[bytes]:
    return [each async for each in call] if hasattr(call, "__aiter__") else [await call]


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_answers_and_is_logged_and_counted(
    running: Any, lines: Lines, name: str
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
    running: Any, lines: Lines, name: str
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
    assert str(line["exc_info"]) == "the secret of the house"


@pytest.mark.parametrize("name", SHAPES)
async def test_a_status_that_the_servicer_gives_is_sent_and_reported(
    running: Any, lines: Lines, name: str
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
    running: Any, lines: Lines
) -> None:
    async def set_code(message: bytes, context: Any) -> bytes:
        context.set_code(grpc.StatusCode.UNAVAILABLE)
        return message

    async with running(set_code) as foreign:
        with pytest.raises(grpc.aio.AioRpcError):
            await foreign.call("Ask")
        assert foreign.counted("Ask", "UNAVAILABLE") == (1, 1, 1)
    assert [line["code"] for line in lines] == ["UNAVAILABLE"]


async def test_an_error_of_ours_is_answered_as_everywhere(running: Any) -> None:
    async def refuse(message: bytes, context: Any) -> bytes:
        raise errors.Invalid("a field is wrong", field="text")

    async with running(refuse) as foreign:
        for name in SHAPES:
            answer = await refused(foreign.call(name))
            assert (answer.reason, list(answer.violations)) == ("VALIDATION_FAILED", ["text"])


@pytest.mark.parametrize("name", SHAPES)
async def test_a_caller_that_hangs_up_is_reported_and_no_longer_in_flight(
    running: Any, lines: Lines, name: str
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
    running: Any, lines: Lines
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


async def test_calls_that_it_makes_carry_the_request_id_on(running: Any) -> None:
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
    assert inspect.iscoroutinefunction(first.unary_unary)
