"""A gRPC server of the whole contract that answers as it is set, and records the calls."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from emporium.retries import FILES

Engine = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Engine], Awaitable[Message]]


@dataclass(frozen=True)
class Served:
    """One call, as it arrived."""

    rpc: str
    request: Any
    metadata: dict[str, str | bytes]
    time_left: float | None

    @property
    def attempts_before(self) -> int:
        """How often the transport had tried before."""
        return int(self.metadata.get("grpc-previous-rpc-attempts", 0))


def refuse(
    code: grpc.StatusCode,
    message: str = "no",
    details: Sequence[Message] = (),
    trailers: Sequence[tuple[str, str | bytes]] = (),
) -> Behaviour:
    """Ends a call as the services do: a status, and details in the trailers."""

    async def behave(_: Any, engine: Engine) -> Message:
        status = Status(code=code.value[0], message=message)
        for detail in details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        packed_status = ("grpc-status-details-bin", status.SerializeToString())
        await engine.abort(code, message, (*([packed_status] if details else ()), *trailers))

    return behave


def unavailable() -> Behaviour:
    """What a server says that is going down."""
    return refuse(grpc.StatusCode.UNAVAILABLE, "going down")


def answer(message: Message) -> Behaviour:
    """Answers `message`."""

    async def behave(_: Any, __: Engine) -> Message:
        return message

    return behave


class FakeShop:
    """Answers each rpc with the behaviours queued for it, and with an empty message after that."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        self.address = ""
        self._queued: dict[str, list[Behaviour]] = defaultdict(list)

    def will(self, rpc: str, *behaviours: Behaviour) -> Self:
        """Queues what the next calls of `rpc` meet."""
        self._queued[rpc] += behaviours
        return self

    @property
    def last(self) -> Served:
        """The latest call."""
        return self.served[-1]

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Every rpc of every service."""
        services = [service for file in FILES for service in file.services_by_name.values()]
        return [self._handler(service) for service in services]

    def _handler(self, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            service.full_name, {method.name: self._method(method) for method in service.methods}
        )

    def _method(self, method: MethodDescriptor) -> "grpc.RpcMethodHandler[Any, Any]":
        made, serve = grpc.unary_unary_rpc_method_handler, self._serve
        if method.server_streaming:
            made, serve = grpc.unary_stream_rpc_method_handler, self._stream  # type: ignore[assignment]  # another shape
        return made(
            partial(serve, method),
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )

    async def _stream(
        self, method: MethodDescriptor, request: Any, engine: Engine
    ) -> AsyncIterator[Message]:
        """One message."""
        yield await self._serve(method, request, engine)

    async def _serve(self, method: MethodDescriptor, request: Any, engine: Engine) -> Message:
        metadata: Any = engine.invocation_metadata() or ()
        self.served.append(Served(method.name, request, dict(metadata), engine.time_remaining()))
        queued = self._queued[method.name]
        if queued:
            return await queued.pop(0)(request, engine)
        return GetMessageClass(method.output_type)()


@asynccontextmanager
async def open_shop(
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[FakeShop]:
    """A fake shop on a port of its own, over TLS where there are `credentials`."""
    shop = FakeShop()
    server = grpc.aio.server(handlers=shop.handlers(), options=[("grpc.so_reuseport", 0)])
    free = "127.0.0.1:0"
    port = server.add_secure_port(free, credentials) if credentials else None
    shop.address = f"127.0.0.1:{port or server.add_insecure_port(free)}"
    await server.start()
    try:
        yield shop
    finally:
        await server.stop(1)
