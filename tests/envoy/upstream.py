"""The three services as the edge knows them: every rpc of the contract, with canned answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from server.kit.lifecycle import METADATA_BYTES_MAX
from tests.discovery import contract

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Context], Awaitable[Message]]


@dataclass(frozen=True)
class Call:
    """What arrived at the service."""

    rpc: str
    request: Any
    metadata: Mapping[str, str]
    seconds_left: float | None


@dataclass
class Upstream:
    """A gRPC server on a port of its own, which answers as a test sets it.

    It speaks TLS where there are `credentials`.
    """

    services: Sequence[ServiceDescriptor] = field(default_factory=contract)
    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    port: int = 0
    credentials: grpc.ServerCredentials | None = None

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                # As the services have them, see `server/kit/lifecycle.py`.
                ("grpc.max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
            ]
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for service in self.services:
            handlers = {rpc.name: self._handler(rpc) for rpc in service.methods}
            generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
            self._server.add_generic_rpc_handlers((generic,))
        address = f"127.0.0.1:{self.port}"
        if self.credentials:
            self.port = self._server.add_secure_port(address, self.credentials)
        else:
            self.port = self._server.add_insecure_port(address)
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.stop(grace=None)

    async def serving(self, serving: bool) -> None:
        """Sets the answer to health checks."""
        states = health_pb2.HealthCheckResponse
        await self._health.set("", states.SERVING if serving else states.NOT_SERVING)

    def last(self) -> Call:
        """The call that arrived last."""
        return self.calls[-1]

    def _handler(self, rpc: MethodDescriptor) -> "grpc.RpcMethodHandler[Any, Any]":
        reply = GetMessageClass(rpc.output_type)

        async def handle(request: Any, context: Context) -> Message:
            metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
            self.calls.append(Call(rpc.name, request, metadata, context.time_remaining()))
            answer = self.answers.get(rpc.name)
            return await answer(request, context) if answer else reply()

        return grpc.unary_unary_rpc_method_handler(
            handle,
            request_deserializer=GetMessageClass(rpc.input_type).FromString,
            response_serializer=reply.SerializeToString,
        )


def always(reply: Message, **headers: str) -> Answer:
    """Answers `reply`, with `headers` (underscores for dashes) as initial metadata."""

    async def answer(request: Any, context: Context) -> Message:
        if headers:
            pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
            await context.send_initial_metadata(tuple(pairs))
        return reply

    return answer


async def hang(request: Any, context: Context) -> Message:
    """Answers when the caller's deadline has long passed."""
    await asyncio.sleep(60)  # cancelled by that deadline
    raise AssertionError("nobody waited that long")


def refusing(code: grpc.StatusCode, reason: str, http_status: int, *details: Message) -> Answer:
    """Fails as the services do: a rich status, and the HTTP status beside it."""

    async def answer(request: Any, context: Context) -> Message:
        status = Status(code=code.value[0], message=f'no, "{reason}"')
        for detail in (ErrorInfo(reason=reason, domain="emporium"), *details):
            status.details.add().Pack(detail)
        await context.send_initial_metadata((("x-http-status", str(http_status)),))
        await context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError("abort raises")

    return answer
