"""One tiny service that every test of the pipeline calls, and what its answers say."""

import functools
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import (
    descriptor_pool,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

from emporium.options.v1 import options_pb2
from server.contract import protoc, rules
from server.kit import descriptors
from server.kit.audit.sink import AuditSink
from server.kit.auth import Tokens
from server.kit.call.chain import pipeline
from server.kit.call.event_stream import EventStreams
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.context import Caller, Context
from server.kit.standing import Accounts

Behaviour = Callable[[Any, Context], Awaitable[Any]]

PROTO = Path(__file__).with_name("ping.proto")
# What a `.proto` of the tests may import: loading the modules has put them into the pool.
IMPORTABLE = (
    annotations_pb2,
    field_mask_pb2,
    httpbody_pb2,
    options_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)


def described(proto: str, name: str) -> ServiceDescriptor:
    """The one service of a `.proto` text; `name` is a file name that no other test uses."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_text(proto)
        made = Path(folder, "made.binpb")
        protoc.run(
            f"--proto_path={folder}",
            f"--descriptor_set_out={made}",
            "--include_imports",
            files=[name],
        )
        image = FileDescriptorSet.FromString(made.read_bytes())
    # As it is with the contract: the image has the rules, and what servicers are made of has none.
    _add(image, descriptors.pool())
    pool = descriptor_pool.Default()
    _add(rules.stripped(image), pool)
    (service,) = pool.FindFileByName(name).services_by_name.values()
    return service


def _add(image: FileDescriptorSet, pool: descriptor_pool.DescriptorPool) -> None:
    """Adds the files of `image` that the pool has not."""
    for file in image.file:
        try:
            pool.FindFileByName(file.name)
        except KeyError:
            pool.AddSerializedFile(file.SerializeToString())


@functools.cache
def service() -> ServiceDescriptor:
    """The descriptor of `ping.v1.PingService`."""
    return described(PROTO.read_text(), PROTO.name)


def request(**fields: Any) -> Any:
    """A `PingRequest`."""
    return GetMessageClass(service().methods_by_name["Ping"].input_type)(**fields)


def response(**fields: Any) -> Any:
    """A `PingResponse`."""
    return GetMessageClass(service().methods_by_name["Ping"].output_type)(**fields)


async def echo(message: Any, context: Context) -> Any:
    """Answers with what the servicer was given."""
    return response(
        text=message.text,
        request_id=message.request_id,
        etag=message.etag,
        caller=context.caller.id if context.caller else "",
    )


class PingServicer:
    """Every rpc does what the test says; streams do it for each message."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def __getattr__(self, name: str) -> Any:
        return self._behaviour

    async def Count(  # noqa: N802 - the rpc's name
        self, message: Any, context: Context
    ) -> AsyncIterator[Any]:
        for _ in itertools.count() if message.text == "for ever" else range(3):
            yield await self._behaviour(message, context)

    async def FreshStream(  # noqa: N802 - the rpc's name
        self, message: Any, context: Context
    ) -> AsyncIterator[Any]:
        yield await self._behaviour(message, context)

    async def Collect(  # noqa: N802 - the rpc's name
        self, messages: AsyncIterator[Any], context: Context
    ) -> Any:
        texts = [(await self._behaviour(message, context)).text async for message in messages]
        return response(text=",".join(texts))

    async def Echo(  # noqa: N802 - the rpc's name
        self, messages: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[Any]:
        async for message in messages:
            yield await self._behaviour(message, context)


class Believing:
    """Accounts that nothing has become of: every token says what they are."""

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        return caller


class Ping:
    """A running ping service, from both sides."""

    def __init__(self, channel: grpc.aio.Channel, port: int) -> None:
        self.channel = channel
        self.port = port
        self.registry = CollectorRegistry()
        self.in_flight = InFlight()

    def call(self, name: str, message: Any = None, token: str = "", **options: Any) -> Any:
        """An rpc under way; `headers` is its metadata. A list of messages is streamed."""
        method = service().methods_by_name[name]
        shape = f"{'stream' if method.client_streaming else 'unary'}_"
        shape += "stream" if method.server_streaming else "unary"
        metadata = [(key, value) for key, value in options.pop("headers", {}).items()]
        if token:
            metadata.append(("authorization", f"Bearer {token}"))
        rpc = getattr(self.channel, shape)(
            f"/{service().full_name}/{name}",
            request_serializer=lambda given: given.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        given = request() if message is None else message
        return rpc(iter(given) if isinstance(given, list) else given, metadata=metadata, **options)

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample of the service's own metrics."""
        return self.registry.get_sample_value(name, labels)


@asynccontextmanager
async def running(
    verifier: Tokens,
    behaviour: Behaviour = echo,
    deadline_seconds: float = 5.0,
    accounts: Accounts | None = None,
    audit: AuditSink | None = None,
    event_streams: EventStreams | None = None,
) -> AsyncIterator[Ping]:
    """The service behind the whole pipeline, on a port of its own."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ping = Ping(channel, port)
        calls = pipeline(
            verifier,
            CallMetrics(ping.registry),
            ping.in_flight,
            deadline_seconds,
            accounts=accounts or Believing(),
            audit=audit,
        )
        servicer = PingServicer(behaviour)
        handler = generic_handler(service(), servicer, calls, event_streams=event_streams)
        server.add_generic_rpc_handlers([handler])
        await server.start()
        yield ping
        await server.stop(0)
