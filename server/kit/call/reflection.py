"""Server reflection for grpcurl and similar tools, in both versions of the protocol.

Whoever reaches a service's own port may ask. Through the edge, where strangers are, staff may, and
is told of all services that the edge offers, because there they have one address.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from server.kit import descriptors, errors
from server.kit.auth import Tokens
from server.kit.call.authentication import bearer
from server.kit.call.grpc_aio import Engine, context_of
from server.kit.context import Context

_EDGE = "edge"  # as envoy/routes.yaml has it
_V1 = "grpc.reflection.v1.ServerReflection"


def register(server: Any, services: Sequence[str], tokens: Tokens) -> None:
    """Adds reflection of `services`, of health, and of itself; by the edge, where `tokens` let in.

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
    of_service: Any = reflection.aio.ReflectionServicer(names, symbols)
    of_edge: Any = reflection.aio.ReflectionServicer(
        (*descriptors.offered(), reflection.SERVICE_NAME), symbols
    )

    async def answers(questions: Any, engine: Engine) -> AsyncIterator[Any]:
        context = context_of(engine)
        comes_by_edge = context.metadata.get("x-emporium-door") == _EDGE
        if comes_by_edge:
            _check(context, tokens)
        servicer = of_edge if comes_by_edge else of_service
        async for answer in servicer.ServerReflectionInfo(questions, engine):
            yield answer

    handler = grpc.stream_stream_rpc_method_handler(
        answers,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, _V1):
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


def _check(context: Context, tokens: Tokens) -> None:
    """Raises what is raised where a role is needed that the caller has not."""
    sent = context.metadata.get("authorization")
    if sent is None:
        raise errors.Unauthenticated("sign in and send 'Authorization: Bearer <token>'")
    caller = tokens.verify(bearer(sent))
    if not caller.is_staff or caller.scopes is not None:
        raise errors.Forbidden("reflection through the edge is for staff, by a login")


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
