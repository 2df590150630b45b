"""The services behind their whole pipeline, with handlers that do nothing but count.

Whatever stands between a caller and a handler is real, so a count tells who got through.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from server.kit.auth import Verifier
from server.kit.call.chain import pipeline
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.context import Context
from server.kit.lifecycle import METADATA_BYTES_MAX
from server.kit.standing import Accounts
from tests.discovery import contract
from tests.server.kit.ping import Believing

_DEADLINE_SECONDS = 10.0


@dataclass(frozen=True)
class Guarded:
    """A server that answers for every service; `entered` has its handlers' calls by full name."""

    port: int
    entered: Counter[str]


class Counting:
    """A servicer for any service: each rpc counts, and answers with nothing."""

    def __init__(self, rpcs: list[MethodDescriptor], entered: Counter[str]) -> None:
        for rpc in rpcs:
            setattr(self, rpc.name, _handler(rpc, entered))


def _handler(rpc: MethodDescriptor, entered: Counter[str]) -> Callable[[Any, Context], Any]:
    answer = GetMessageClass(rpc.output_type)

    async def unary(request: Any, context: Context) -> Any:
        entered[rpc.full_name] += 1
        return answer()

    async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
        entered[rpc.full_name] += 1
        yield answer()

    return stream if rpc.server_streaming else unary


@asynccontextmanager
async def guarded(
    verifier: Verifier,
    accounts: Accounts | None = None,
    services: Sequence[ServiceDescriptor] = (),
) -> AsyncIterator[Guarded]:
    """All services on one port, believing whom `verifier` believes; without `accounts`, always.

    `services` are there beside those of the contract.
    """
    entered: Counter[str] = Counter()
    calls = pipeline(
        verifier,
        CallMetrics(CollectorRegistry()),
        InFlight(),
        _DEADLINE_SECONDS,
        b"what bodies are hashed with",
        accounts or Believing(),
    )
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        ]
    )
    server.add_generic_rpc_handlers(
        [
            generic_handler(service, Counting([*service.methods], entered), calls)
            for service in (*contract(), *services)
        ]
    )
    ready = health.aio.HealthServicer()
    await ready.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(ready, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Guarded(port, entered)
    await server.stop(0)
