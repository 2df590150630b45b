"""Every door to an rpc. Each takes a message and a token, and tells what came of the call."""

import asyncio
import base64
import importlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from emporium import Emporium, EmporiumError
from server.local.cluster import Cluster
from tests import asking
from tests.asking import FRAME_BYTES
from tests.bench.http2 import framed
from tests.campaign.http2 import Answer, Connection, Enough, Request, connected
from tests.e2e.doors.outcomes import Outcome, of_data, of_envelope, of_status
from tests.server.refusals import Refused

DEADLINE_SECONDS = 20
_TRAILERS = 0x80  # the flag of gRPC-Web's last frame
_EVENT = re.compile(rb"^data: (.*)\n\n", re.MULTILINE)  # of a stream by REST
_WEB = (("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1"))


class Door(Protocol):
    """One way to call."""

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        """What comes of the call; of a stream, the first message or the refusal."""


@dataclass(frozen=True)
class Grpc:
    """As any client made from the protos: to the services themselves, or to the edge."""

    channels: Mapping[str, grpc.aio.Channel]  # by service

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        channel = self.channels[_service(rpc)]
        shape = channel.unary_stream if rpc.server_streaming else channel.unary_unary
        send: Any = shape(
            f"/{_name(rpc)}/{rpc.name}",
            request_serializer=lambda sent: sent.SerializeToString(),
            response_deserializer=GetMessageClass(rpc.output_type).FromString,
        )
        metadata = [("authorization", f"Bearer {token}")] if token else []
        call = send(message, metadata=metadata, timeout=DEADLINE_SECONDS)
        try:
            answer = await (call.read() if rpc.server_streaming else call)
        except grpc.aio.AioRpcError as error:
            return of_status(Refused(error).status)
        call.cancel()
        return Outcome(answer)


@dataclass(frozen=True)
class Web:
    """gRPC-Web, as browsers send it."""

    connection: Connection

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        body = framed(message.SerializeToString())
        call = Request("POST", f"/{_name(rpc)}/{rpc.name}", _WEB, body)
        answer = await _asked(self.connection, call, token, rpc.server_streaming and _has_frame)
        frames = dict(_frames(bytes(answer.body)))
        headers = answer.headers | _fields(frames.get(_TRAILERS, b""))
        # A stream that goes on has no trailers yet.
        if headers.get("grpc-status", "0" if rpc.server_streaming and frames else "") == "0":
            return Outcome(GetMessageClass(rpc.output_type).FromString(frames.get(0, b"")))
        padded = headers["grpc-status-details-bin"]
        return of_status(Status.FromString(base64.b64decode(padded + "=" * (-len(padded) % 4))))


@dataclass(frozen=True)
class Rest:
    """JSON, by the first of the rpc's paths."""

    connection: Connection

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        call = next(asking.by_rest(rpc, message))
        if isinstance(message, HttpBody):
            headers = (("content-type", message.content_type),)
            call = Request(call.verb, call.path.partition("?")[0], headers, message.data)
        answer = await _asked(self.connection, call, token, rpc.server_streaming and _has_event)
        kind = GetMessageClass(rpc.output_type)
        if not answer.is_success:
            return of_envelope(json.loads(answer.body), answer.headers.get("retry-after"))
        if event := _EVENT.search(answer.body) if rpc.server_streaming else None:
            return of_data(json.loads(event[1]), kind)
        return of_data(json.loads(answer.body), kind) if answer.body else Outcome(kind())


_sent_token: ContextVar[str] = ContextVar("sent_token")


@dataclass(frozen=True)
class Client:
    """The Python client: its one way to call, by which each of its methods does."""

    signed: Emporium  # with the token of the call that is under way
    nobody: Emporium

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        connection = (self.signed if token else self.nobody)._connection(_service(rpc))
        _sent_token.set(token or "")
        assert rpc.containing_service is not None
        # By its name, because any rpc is called here.
        stubs = importlib.import_module(
            f"{rpc.containing_service.file.name.removesuffix('.proto').replace('/', '.')}_pb2_grpc"
        )
        stub = getattr(stubs, f"{rpc.containing_service.name}Stub")(connection.channel)
        method = getattr(stub, rpc.name)
        try:
            if not rpc.server_streaming:
                return Outcome(await connection.call(method, message))
            async with aclosing(connection.stream(method, message)) as answers:
                return Outcome(await anext(answers))
        except EmporiumError as error:
            return Outcome(
                reason=error.reason,
                message=error.message,
                violations=tuple((each.field, each.description) for each in error.violations),
                retry_after_seconds=error.retry_after_seconds or 0,
            )


async def _token() -> str:
    return _sent_token.get()


@dataclass(frozen=True)
class Doors:
    """All of a cluster, by their names."""

    inside: Mapping[str, Door]  # at the services themselves
    edge: Mapping[str, Door]


@asynccontextmanager
async def opened(cluster: Cluster) -> AsyncIterator[Doors]:
    """The doors of the cluster, until they are closed."""
    port = int(cluster.edge_url.rpartition(":")[2])
    door = f"127.0.0.1:{port}"  # one address for all, by which the edge counts
    services = cluster.record.grpc
    connection = await connected(port)
    async with AsyncExitStack() as stack:
        direct = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(where))
            for name, where in services.items()
        }
        edge = await stack.enter_async_context(grpc.aio.insecure_channel(door))
        clients = [
            await stack.enter_async_context(Emporium(where, token=token))
            for where in (services, door)
            for token in (_token, None)
        ]
        yield Doors(
            inside={"gRPC to the service": Grpc(direct), "the client to it": Client(*clients[:2])},
            edge={
                "gRPC": Grpc(dict.fromkeys(services, edge)),
                "the client": Client(*clients[2:]),
                "gRPC-Web": Web(connection),
                "REST": Rest(connection),
            },
        )
    connection.close()


async def _asked(
    connection: Connection, call: Request, token: str | None, is_enough: Enough | Literal[False]
) -> Answer:
    signed = asking.with_header(call, "authorization", f"Bearer {token}" if token else None)
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await connection.call(signed, *([is_enough] if is_enough else []))


def _has_frame(answer: Answer) -> bool:
    head = answer.body[:FRAME_BYTES]
    return len(head) == FRAME_BYTES and len(answer.body) >= FRAME_BYTES + int.from_bytes(head[1:])


def _has_event(answer: Answer) -> bool:
    return _EVENT.search(answer.body) is not None


def _name(rpc: MethodDescriptor) -> str:
    assert rpc.containing_service is not None
    return str(rpc.containing_service.full_name)


def _service(rpc: MethodDescriptor) -> str:
    return _name(rpc).split(".")[1]


def _frames(body: bytes) -> list[tuple[int, bytes]]:
    """The frames by their flags. There is one message at most."""
    found = []
    while body:
        size = int.from_bytes(body[1:FRAME_BYTES], "big")
        found.append((body[0], body[FRAME_BYTES : FRAME_BYTES + size]))
        body = body[FRAME_BYTES + size :]
    return found


def _fields(trailers: bytes) -> dict[str, str]:
    lines = [line.partition(":") for line in trailers.decode().split("\r\n") if line]
    return {name.lower(): value.strip() for name, _, value in lines}
