"""A service that ticks when a test says so, behind the whole pipeline and a real edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from server.kit.call.chain import pipeline
from server.kit.call.event_stream import EventStreams
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.context import Context
from server.kit.lifecycle import METADATA_BYTES_MAX
from tests.server.kit.beats import Beats
from tests.server.kit.changing import Changing
from tests.server.kit.ping import Believing, described
from tests.server_sent import Event, events

PROTO = Path(__file__).with_name("ticks.proto")
SERVICE = described(PROTO.read_text(), PROTO.name)
RPC = "/emporium.order.v1.TickService/WatchTicks"
WATCH = "/api/v1/ticks:watch"
WATCH_OWN = "/api/v1/ticks:watchOwn"
Tick = GetMessageClass(SERVICE.methods_by_name["GetTick"].output_type)


def tick(number: int, text: str = "") -> Any:
    """A tick, whose fields are of every kind that JSON writes in a way of its own."""
    made: Any = Tick(number=number, text=text or 'é "\n', kind=1)
    made.ticked_at.FromSeconds(1_800_000_000)
    return made


@dataclass
class Ticks:
    """The servicer: `last` is the newest tick, `failure` what becomes of whoever has had it."""

    last: int = 0
    failure: Exception | None = None
    is_over: bool = False
    text: str = ""
    sent: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def become(self, **changes: Any) -> None:
        """Sets what the streams under way see."""
        async with self.changed:
            for name, value in changes.items():
                setattr(self, name, value)
            self.changed.notify_all()

    async def GetTick(self, request: Any, context: Context) -> Any:  # noqa: N802 - the rpc's name
        return tick(request.after, self.text)

    async def WatchTicks(  # noqa: N802 - the rpc's name
        self, request: Any, context: Context
    ) -> AsyncIterator[Any]:
        number = request.after
        while True:
            async with self.changed:
                await self.changed.wait_for(
                    lambda: self.last > number or self.failure or self.is_over  # noqa: B023 - now
                )
            if self.last > number:
                number += 1
                self.sent = number
                yield tick(number, self.text)
            elif self.failure:
                raise self.failure
            else:
                return

    WatchOwnTicks = WatchTicks


@dataclass
class Ticking:
    """The running service, as the edge sees it: on a `port`."""

    port: int
    ticks: Ticks
    beats: Beats
    streams: EventStreams
    in_flight: InFlight
    tokens: Changing


@asynccontextmanager
async def ticking(tokens: Changing) -> AsyncIterator[Ticking]:
    """The service, in this process."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        ]
    )
    in_flight, beats = InFlight(), Beats()
    streams = EventStreams(beats.pause)
    metrics = CallMetrics(CollectorRegistry())
    calls = pipeline(tokens, metrics, in_flight, 10.0, accounts=Believing())
    ticks = Ticks()
    handler = generic_handler(SERVICE, ticks, calls, event_streams=streams)
    server.add_generic_rpc_handlers([handler])
    ready = health.aio.HealthServicer()
    await ready.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(ready, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Ticking(port, ticks, beats, streams, in_flight, tokens)
    streams.close()
    await server.stop(0)
    await in_flight.ended(10)


@asynccontextmanager
async def watching(
    client: httpx.AsyncClient, path: str = WATCH, verb: str = "GET", **options: Any
) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[Event]]]:
    """A stream that is open by REST: what was answered, and the events as they come."""
    async with client.stream(verb, path, timeout=20, **options) as answer:
        yield answer, events(answer.aiter_lines())
