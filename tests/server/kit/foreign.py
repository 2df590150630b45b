"""A servicer as other people's libraries write it: for `grpc.aio`, without a contract of ours."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from prometheus_client import CollectorRegistry

from server.kit.auth import Verifier
from server.kit.call.chain import pipeline
from server.kit.call.foreign import ForeignServicers
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics

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
BROKEN = b"\xff"
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
    """Answers with what the servicer was given."""
    return message


@asynccontextmanager
async def running(verifier: Verifier, behaviour: Behaviour) -> AsyncIterator[Foreign]:
    """The servicer behind our watchers, on a port of its own."""
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


def register(servicer: ForeignServicer, server: ForeignServicers) -> None:
    """Does what `add_ForeignServiceServicer_to_server` would, had it been generated."""
    handlers = {
        name: getattr(grpc, f"{shape}_rpc_method_handler")(
            getattr(servicer, name), request_deserializer=parsed
        )
        for name, shape in SHAPES.items()
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_registered_method_handlers(SERVICE, handlers)


def parsed(request: bytes) -> bytes:
    """What a generated message class does with bytes: takes them, or raises."""
    if request == BROKEN:
        raise DecodeError("a secret")
    return request
