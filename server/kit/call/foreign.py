"""Health and reflection behind the watchers: servicers that the contract does not describe.

They are written for `grpc.aio` and registered by generated code, so the pipeline cannot be composed
around them. An interceptor drives the same watchers and hides the text of unknown exceptions in the
same way. It is applied when they are registered, once for each method: as an interceptor of the
server it would run anew for every call, of our own rpcs too.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc_interceptor.server import AsyncServerInterceptor
from grpc_status import rpc_status

from server.kit import errors
from server.kit.call.grpc_aio import Engine, context_of
from server.kit.call.layers import Watcher, Watches
from server.kit.call.method import Rpc
from server.kit.call.pipeline import nobody_waits
from server.kit.call.status import Refusal, abandoned, refusal_of

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # a type only where stubs are read

_PATIENCE_SECONDS = 10.0  # for the one message of a call that takes one


class ForeignServicers:
    """Takes the place of the server when generated code registers a servicer.

    foreign = ForeignServicers(pipeline.watchers)
    health.register(foreign)
    server.add_generic_rpc_handlers(await foreign.handlers())
    """

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers
        self._methods: dict[str, Mapping[str, Handler]] = {}

    def add_registered_method_handlers(self, service: str, methods: Mapping[str, Handler]) -> None:
        """Remembers the methods of `service`, by name."""
        self._methods[service] = methods

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Does nothing: generated code registers the same methods by name as well."""

    async def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Everything that was registered, wrapped, for `Server.add_generic_rpc_handlers`."""
        return [
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: await self._wrapped(handler, _rpc(service, name, handler))
                    for name, handler in methods.items()
                },
            )
            for service, methods in self._methods.items()
        ]

    async def _wrapped(self, handler: Handler, rpc: Rpc) -> Handler:
        async def unparsed(details: grpc.HandlerCallDetails) -> Handler:
            return _unparsed(handler)

        watches = Watches(self._watchers, rpc)
        reporting = _Reporting(rpc, watches, handler.request_deserializer or _as_it_is)
        wrap: Any = reporting.intercept_service  # it has no types
        wrapped: Handler = await wrap(unparsed, _Details(rpc))
        return wrapped


class _Reporting(AsyncServerInterceptor):
    """Tells the watchers of one rpc's calls, and hides what the caller is not meant to read.

    It parses requests, too: grpc.aio would do so before the watchers hear of the call, and would
    send the text of the exception when it fails.
    """

    def __init__(self, rpc: Rpc, watches: Watches, parse: Callable[[bytes], Any]) -> None:
        self._rpc = rpc
        self._watches = watches
        self._parse = parse

    async def intercept(
        self,
        method: Callable[[Any, Engine], Any],
        request_or_iterator: Any,
        context: Engine,
        method_name: str,
    ) -> Any:
        """The answer, or a stream of answers."""
        if self._rpc.server_streaming:
            return self._stream(method, request_or_iterator, context)
        async with self._reported(context):
            return await method(await self._read(request_or_iterator, context), context)

    async def _stream(
        self, method: Callable[[Any, Engine], Any], requests: Any, engine: Engine
    ) -> AsyncIterator[Any]:
        async with self._reported(engine):
            answers = method(await self._read(requests, engine), engine)
            if not hasattr(answers, "__aiter__"):  # the servicer writes to the stream by itself
                await answers
                return
            async with aclosing(answers):
                async for answer in answers:
                    yield answer

    async def _read(self, sent: AsyncIterator[bytes], engine: Engine) -> Any:
        if self._rpc.client_streaming:
            return self._read_each(sent)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            request: Any = await engine.read()
        if request is grpc.aio.EOF:
            raise errors.Malformed("the call has ended without its message")
        return self._parsed(request)

    async def _read_each(self, requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for request in requests:
            yield self._parsed(request)

    def _parsed(self, request: bytes) -> Any:
        try:
            return self._parse(request)
        except DecodeError as error:
            raise errors.Malformed("the request is not a message of this rpc") from error

    @asynccontextmanager
    async def _reported(self, engine: Engine) -> AsyncIterator[None]:
        context = context_of(engine)
        self._watches.start(context)
        outcome = None
        try:
            yield
            outcome = _stated(engine)
        except grpc.aio.AbortError:
            outcome = _stated(engine)
            raise
        except BaseException as error:
            if nobody_waits(error):
                outcome = abandoned(context)
                raise
            outcome = refusal_of(error, context)
            outcome.__cause__ = error  # what the log shows of it
            await engine.abort_with_status(rpc_status.to_status(outcome.status))
        finally:
            self._watches.end(context, outcome)


class _Details(grpc.HandlerCallDetails):
    """What an interceptor asks of a call, as far as it is the same for every call."""

    def __init__(self, rpc: Rpc) -> None:
        self.method = f"/{rpc.service}/{rpc.name}"
        self.invocation_metadata = ()


def _unparsed(handler: Handler) -> Handler:
    """The same handler, which gets the bytes of each request, as a stream in every case.

    See `grpc_aio.py` for why: a caller may leave out the one message that there must be.
    """
    answers = "stream" if handler.response_streaming else "unary"
    asks = "stream" if handler.request_streaming else "unary"
    made: Handler = getattr(grpc, f"stream_{answers}_rpc_method_handler")(
        getattr(handler, f"{asks}_{answers}"),
        request_deserializer=None,
        response_serializer=handler.response_serializer,
    )
    return made


def _as_it_is(request: bytes) -> bytes:
    return request


def _rpc(service: str, name: str, handler: Handler) -> Rpc:
    return Rpc(service, name, handler.request_streaming, handler.response_streaming)


def _stated(engine: Engine) -> Refusal | None:
    """The status that the servicer has given by itself, if it is not OK."""
    code: Any = engine.code()  # the stub promises an int; it is a StatusCode, or None for none
    if code in (None, grpc.StatusCode.OK):
        return None
    status = Status(code=code.value[0], message=engine.details())
    return Refusal(code, code.name, status, expected=True)
