"""Server reflection for grpcurl and similar tools, in both versions of the protocol."""

from collections.abc import Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

_V1 = "grpc.reflection.v1.ServerReflection"


def register(server: Any, services: Sequence[str]) -> None:
    """Adds reflection of `services`, of health, and of itself.

    `server` is a `grpc.aio.Server`, or what stands in for it while servicers are registered.

    The library knows v1alpha only. Version 1 has the same messages under another name, so the same
    servicer answers for it; it stays out of the list, because its descriptor is not in the pool.
    """
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    servicer = reflection.aio.ReflectionServicer((*services, health, reflection.SERVICE_NAME))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, _V1):
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})
