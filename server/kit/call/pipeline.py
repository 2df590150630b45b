"""Composes the layers around a servicer's method, once, when the servicer is registered.

Layers are plain synchronous code, so a call pays for a loop over bound functions and for nothing
else; only a gate's `before_handler` may wait, and few methods have one. No layer knows the engine;
`grpc_aio.py` does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from google.protobuf.message import DecodeError, Message

from emporium.deadline import deadline_at, time_left
from server.kit import errors
from server.kit.call.admission import Admission
from server.kit.call.deadlines import Deadlines
from server.kit.call.layers import Gate, Guard, Watcher, Watches, check_order
from server.kit.call.method import Method
from server.kit.call.open_streams import OpenStreams
from server.kit.call.status import abandoned, refusal_of
from server.kit.context import Context, Role
from server.kit.turns import next_turn

Handler = Callable[[Any, Context], Any]

# A request beyond this takes its turn with other long work: to read and to check one of 42 KB with
# 1,000 lines takes 3 ms, one of 800 KB twice as long (AMD EPYC, November 2026).
_LARGE_BYTES = 16 * 1024

# gRPC ends calls by its own clock; what is left by ours is less.
_CLOCKS_DIFFER_SECONDS = 0.01


class Requests(Protocol):
    """What the caller sends, as bytes."""

    async def next(self) -> bytes | None:
        """The next request; None when the caller has sent its last."""


def _without_message() -> errors.EmporiumError:
    """What a call comes to that ends before its one message: out of time, or cut off."""
    if time_left(_CLOCKS_DIFFER_SECONDS) < _CLOCKS_DIFFER_SECONDS:
        return errors.DeadlineExceeded("the message did not come in time")
    return errors.Malformed("the call has ended without its message")


def nobody_waits(error: BaseException) -> bool:
    """Whether `error` says that the caller hung up, or that its deadline has passed.

    A handler that swallows such an error keeps the call open for ever. A cancellation that was not
    requested of this task is different: it came from something that the handler awaited, and the
    caller still waits for an answer.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return not isinstance(error, Exception)


class Pipeline:
    """The ordered layers, ready to be composed around methods.

    Raises `WrongOrder` for a layer that stands outside of one that it builds upon.
    """

    def __init__(
        self, watchers: Sequence[Watcher], guards: Sequence[Guard], deadline_seconds: float
    ) -> None:
        check_order((*watchers, *guards))
        self.watchers = watchers
        self.guards = guards
        self._deadlines = Deadlines(deadline_seconds)
        self._admission = Admission()
        self._open_streams = OpenStreams()

    def compose(self, method: Method, handler: Handler) -> Handler:
        """`handler` with every layer around it, in the call shape that `method` has.

        The result takes `Requests`, whatever the shape: a caller may end a call that must have one
        message without sending it. It raises `Refusal` for whatever goes wrong, except
        for the errors that `nobody_waits` recognises, which it lets through.
        """
        gates = [gate for guard in self.guards if (gate := guard.gate(method))]
        wrap = _stream_after if method.server_streaming else _unary_after
        for gate in reversed(gates):
            if gate.before_handler:
                handler = wrap(gate.before_handler, handler)
        watches = Watches(self.watchers, method)
        call = _Call(
            method, watches, gates, self._admission, self._deadlines, self._open_streams, handler
        )
        return call.stream if method.server_streaming else call.unary


def _unary_after(check: Handler, handler: Handler) -> Handler:
    async def checked(request: Any, context: Context) -> Any:
        await check(request, context)
        return await handler(request, context)

    return checked


def _stream_after(check: Handler, handler: Handler) -> Handler:
    async def checked(request: Any, context: Context) -> AsyncIterator[Any]:
        await check(request, context)
        async with aclosing(handler(request, context)) as responses:
            async for response in responses:
                yield response

    return checked


class _Call:
    """One method's composed layers."""

    def __init__(
        self,
        method: Method,
        watches: Watches,
        gates: Sequence[Gate],
        admission: Admission,
        deadlines: Deadlines,
        open_streams: OpenStreams,
        handler: Handler,
    ) -> None:
        self._parse = method.request.FromString
        self._response = method.response
        self._takes_one = not method.client_streaming
        self._reads = self._read_one if self._takes_one else self._read_each
        self._start = watches.start
        self._end = watches.end
        self._on_call = [gate.on_call for gate in gates if gate.on_call]
        self._on_message = [gate.on_message for gate in gates if gate.on_message]
        self._place = admission.place
        self._deadlines = deadlines
        self._opened = open_streams.opened
        self._handler = handler
        self._location_of = method.location_of if method.location else None

    async def unary(self, requests: Any, context: Context) -> Message:
        self._start(context)
        outcome = None
        try:
            for check in self._on_call:
                check(context)
            if context.time_remaining is not None:
                deadline_at.set(time.monotonic() + context.time_remaining)
                return await self._answer(requests, context)
            with self._deadlines.bound() as bound:
                deadline_at.set(bound.due)
                return await self._answer(requests, context)
        except BaseException as error:
            if nobody_waits(error):
                outcome = abandoned(context, self._lack_of_message(context))
                raise
            outcome = refusal_of(error, context)
            raise outcome from error
        finally:
            self._end(context, outcome)

    async def _answer(self, requests: Any, context: Context) -> Message:
        place = self._place()
        if place is None:
            return await self._served(requests, context)
        await place.take()
        try:
            return await self._served(requests, context)
        finally:
            place.leave()

    async def _served(self, requests: Any, context: Context) -> Message:
        readable = await self._reads(requests, context)
        context.response = response = self._checked(await self._handler(readable, context))
        if self._location_of:
            context.resource = self._location_of(response)
        return response

    async def stream(self, requests: Any, context: Context) -> AsyncIterator[Message]:
        """A stream has the caller's deadline and none of ours: it may be meant to stay open.

        For the same reason it takes no place among its caller's calls; how many a caller has open
        is bounded, and so is the wait for the one message that asks for it.
        """
        self._start(context)
        outcome = None
        try:
            for check in self._on_call:
                check(context)
            if context.time_remaining is not None:
                deadline_at.set(time.monotonic() + context.time_remaining)
                readable = await self._reads(requests, context)
            else:
                with self._deadlines.bound():
                    readable = await self._reads(requests, context)
            with self._opened(self._still_allowed(context)) as stream:
                async with aclosing(stream.of(self._handler(readable, context))) as responses:
                    async for response in responses:
                        yield self._checked(response)
        except BaseException as error:
            if nobody_waits(error):
                outcome = abandoned(context, self._lack_of_message(context))
                raise
            outcome = refusal_of(error, context)
            raise outcome from error
        finally:
            self._end(context, outcome)

    def _still_allowed(self, context: Context) -> Callable[[], None]:
        """What raises when the call would be refused by now, or its caller is less than before.

        Nothing becomes of a service, which signs its tokens itself, nor of who has none.
        """
        caller = context.caller

        def check() -> None:
            if caller is None or caller.role is Role.SERVICE:
                return
            for each in self._on_call:
                each(context)
            if context.caller != caller:
                raise errors.Forbidden("your role is another by now; ask again")

        return check

    async def _read_one(self, requests: Requests, context: Context) -> Message:
        request = await requests.next()
        if request is None:
            raise _without_message()
        if len(request) > _LARGE_BYTES:
            await next_turn()
        return self._read(request, context)

    def _lack_of_message(self, context: Context) -> errors.EmporiumError | None:
        """Why a call was ended that must have one message and has none; None for any other.

        The edge begins a call before it has read the body, and ends it when it refuses that.
        """
        return _without_message() if self._takes_one and context.request is None else None

    async def _read_each(self, requests: Requests, context: Context) -> AsyncIterator[Message]:
        return self._each(requests, context)

    async def _each(self, requests: Requests, context: Context) -> AsyncIterator[Message]:
        while (request := await requests.next()) is not None:
            yield self._read(request, context)

    def _read(self, request: bytes, context: Context) -> Message:
        try:
            message = self._parse(request)
        except DecodeError as error:
            raise errors.Malformed("the request is not a message of this rpc") from error
        context.request = message
        for check in self._on_message:
            check(message, context)
        return message

    def _checked(self, response: Any) -> Message:
        """Anything but the rpc's response is a defect; grpc.aio would send callers its text."""
        if not isinstance(response, self._response):
            raise TypeError(f"answered {type(response)}, not {self._response}")
        return response
