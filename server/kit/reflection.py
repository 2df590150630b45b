"""Lets grpcurl and its kin explore, by both versions of the reflection protocol."""

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha._async import ReflectionServicer

_V1 = "grpc.reflection.v1.ServerReflection"


def register(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Adds reflection of `services`, of health, and of itself.

    The library knows v1alpha only. Version 1 has the same messages under another name, so the same
    servicer answers for it; it stays out of the list, because its descriptor is not in the pool.
    """
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    servicer = ReflectionServicer((*services, health, reflection.SERVICE_NAME))
    reflection.enable_server_reflection((*services, health, reflection.SERVICE_NAME), server)
    messages = reflection._reflection_pb2
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                _V1,
                {
                    "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                        servicer.ServerReflectionInfo,
                        request_deserializer=messages.ServerReflectionRequest.FromString,
                        response_serializer=messages.ServerReflectionResponse.SerializeToString,
                    )
                },
            )
        ]
    )
