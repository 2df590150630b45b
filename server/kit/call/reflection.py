"""Server reflection for grpcurl and similar tools, in both versions of the protocol."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from server.kit import descriptors

_V1 = "grpc.reflection.v1.ServerReflection"


def register(server: Any, services: Sequence[str]) -> None:
    """Adds reflection of `services`, of health, and of itself.

    `server` is a `grpc.aio.Server`, or what stands in for it while servicers are registered.

    It tells what the contract's image says, so validation rules too. The library knows v1alpha
    only. Version 1 has the same messages under another name, so the same servicer answers for it;
    it stays out of the list, because its descriptor is not in the pool.
    """
    pool = descriptors.pool()
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR):
        pool.AddSerializedFile(file.serialized_pb)
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    names = (*services, health, reflection.SERVICE_NAME)
    symbols: Any = _Symbols(pool)  # it has what the servicer asks a pool for
    servicer = reflection.aio.ReflectionServicer(names, symbols)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, _V1):
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


class _Symbols:
    """A pool that finds two kinds of symbol which protobuf's own does not.

    Those are methods, and enum values below their enum (`Status.ACTIVE`): Protobuf has a value
    beside its enum, where the pool finds it, but grpcurl asks for it below.
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's name
        """The file that declares `symbol`. Raises `KeyError` when none does."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            owner, _, name = symbol.rpartition(".")
            file = self._pool.FindFileContainingSymbol(owner)
            if name in self._members(owner):
                return file
            raise

    def _members(self, owner: str) -> Collection[str]:
        with suppress(KeyError):
            return self._pool.FindServiceByName(owner).methods_by_name
        with suppress(KeyError):
            return self._pool.FindEnumTypeByName(owner).values_by_name
        return ()
