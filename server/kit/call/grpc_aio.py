"""Where the pipeline meets `grpc.aio`: besides `foreign.py` the only module that knows the engine.

The layers are wrapped around each method when the servicer is registered, not by a
`grpc.aio.ServerInterceptor`: grpc.aio runs interceptors anew for every call, to look up a handler
that never changes. One costs 12 us of CPU a call and five cost 36, before they do anything
(grpc.aio 1.85 under uvloop on two cores of an AMD EPYC, November 2026). What all layers together
cost here, their work included, is a row of `make bench`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from operator import methodcaller
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc_status import rpc_status

from server.kit.call.event_stream import EventStreams
from server.kit.call.method import Method, methods
from server.kit.call.pipeline import Handler, Pipeline
from server.kit.call.status import TRANSCODED, Refusal
from server.kit.context import Context

Engine = grpc.aio.ServicerContext[Any, Any]
Begin = Callable[[Engine], Context]


def generic_handler(
    service: ServiceDescriptor,
    servicer: object,
    pipeline: Pipeline,
    *,
    identified: bool = False,
    event_streams: EventStreams | None = None,
) -> grpc.GenericRpcHandler:
    """`servicer` behind `pipeline`, for `Server.add_generic_rpc_handlers`.

    The servicer has one method `(request, context: Context)` for each rpc of `service`, under the
    rpc's name. With `identified` the context has the names in the peer's certificate. Streams that
    REST asks for are those of `event_streams`. Raises `UndeclaredAccess` when the contract leaves
    open who may call one.
    """
    streams = event_streams or EventStreams()
    begin = identified_context_of if identified else context_of
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {
            method.name: _handler(
                method, pipeline.compose(method, getattr(servicer, method.name)), begin, streams
            )
            for method in methods(service)
        },
    )


def _handler(
    method: Method, call: Handler, begin: Begin, streams: EventStreams
) -> "grpc.RpcMethodHandler[Any, Any]":
    # To the engine each caller sends a stream. Where it knows that there must be one message, it
    # waits for that before it lets anybody know of the call, and forgets the call, without an
    # answer, when the caller ends it without that message.
    made: grpc.RpcMethodHandler[Any, Any]
    if method.server_streaming:
        made = grpc.stream_stream_rpc_method_handler(
            _stream(method, call, begin, streams), None, methodcaller("SerializeToString")
        )
    else:
        made = grpc.stream_unary_rpc_method_handler(
            _unary(method, call, begin), None, method.response.SerializeToString
        )
    return made  # requests stay bytes: the pipeline parses them, and reports malformed ones


class _Requests:
    """The caller's messages, as the pipeline reads them."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def next(self) -> bytes | None:
        request: Any = await self._engine.read()
        return None if request is grpc.aio.EOF else request


def _unary(
    method: Method, call: Handler, begin: Begin
) -> Callable[[Any, Engine], Awaitable[Message]]:
    success = (("x-http-status", str(method.success_status)),) if method.success_status else ()

    async def answer(requests: Any, engine: Engine) -> Message:
        context = begin(engine)
        try:
            response: Message = await call(_Requests(engine), context)
        except Refusal as refusal:
            await _abort(engine, refusal)
        # Only REST reads these headers, and sending them ahead of the answer is not free: 83 us of
        # CPU, client and server together, on two cores of an AMD EPYC, November 2026.
        if context.metadata.get("x-emporium-door") == "rest":
            if method.location:
                context.headers.append(("location", method.location_of(response)))
            if success or context.headers:
                await engine.send_initial_metadata((*success, *context.headers))
        return response

    return answer


def _stream(
    method: Method, call: Handler, begin: Begin, streams: EventStreams
) -> Callable[[Any, Engine], AsyncIterator[Message]]:
    async def answer(requests: Any, engine: Engine) -> AsyncIterator[Message]:
        context = begin(engine)
        started = False
        answered = call(_Requests(engine), context)
        if context.metadata.get("x-emporium-door") == "rest":
            answered = streams.of(method.event_ids, answered, context)
        try:
            async with aclosing(answered) as responses:
                async for response in responses:
                    started = True
                    yield response
        except Refusal as refusal:
            await _abort(engine, refusal, started=started)

    return answer


def context_of(engine: Engine) -> Context:
    """What the call under way knows about itself."""
    sent: Any = engine.invocation_metadata() or ()
    metadata = dict(sent)
    if len(metadata) != len(sent):
        metadata = _joined(sent)
    return Context(metadata, engine.time_remaining())


def identified_context_of(engine: Engine) -> Context:
    """The same with the names in the certificate that the peer has shown."""
    context = context_of(engine)
    shown: Any = engine.auth_context()
    context.peer_names = [name.decode() for name in shown.get("peer_dns", ())]
    return context


def _joined(sent: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Metadata in which a name that came more than once holds all of its values, as HTTP has it."""
    joined: dict[str, Any] = {}
    for name, value in sent:
        if name in joined and isinstance(value, str):
            joined[name] += f", {value}"
        else:
            joined[name] = value
    return joined


async def _abort(engine: Engine, refusal: Refusal, *, started: bool = False) -> NoReturn:
    # Once headers have gone out, clients no longer retry; so they go only where the edge needs it.
    if not started and refusal.http_status != TRANSCODED[refusal.code]:
        await engine.send_initial_metadata((("x-http-status", str(refusal.http_status)),))
    await engine.abort_with_status(rpc_status.to_status(refusal.status))
