"""Composes the layers around a servicer's method, once, when the servicer is registered.

All layers are plain synchronous code, so a call pays for a loop over bound functions and for
nothing else. No layer knows the engine; `hook.py` does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from emporium.deadline import deadline_at
from google.protobuf.message import Message

from server.kit.context import Context
from server.kit.interceptors.layers import Gate, Guard, Watch, Watcher
from server.kit.interceptors.status import Refusal, refusal_of
from server.kit.method import Method

Handler = Callable[[Any, Context], Any]

# How a caller that hung up, or whose deadline has passed, shows here. There is nobody left to
# answer, and whoever swallows one of these leaks the call.
_GONE = (asyncio.CancelledError, GeneratorExit)


class Pipeline:
    """The ordered layers, ready to be composed around methods."""

    def __init__(
        self, watchers: Sequence[Watcher], guards: Sequence[Guard], deadline_seconds: float
    ) -> None:
        self._watchers = watchers
        self._guards = guards
        self._deadline_seconds = deadline_seconds

    def compose(self, method: Method, handler: Handler) -> Handler:
        """`handler` with every layer around it, in the call shape that `method` has.

        The result raises `Refusal` for whatever goes wrong, and nothing else.
        """
        call = _Call(
            [watcher.watch(method) for watcher in self._watchers],
            [gate for guard in self._guards if (gate := guard.gate(method))],
            self._deadline_seconds,
            handler,
        )
        reads = call.checked_stream if method.client_streaming else call.checked_message
        if method.server_streaming:
            return lambda request, context: call.stream(reads, request, context)
        return lambda request, context: call.unary(reads, request, context)


class _Call:
    """One method's composed layers."""

    def __init__(
        self,
        watches: Sequence[Watch],
        gates: Sequence[Gate],
        deadline_seconds: float,
        handler: Handler,
    ) -> None:
        self._on_start = [watch.on_start for watch in watches]
        self._on_end = [watch.on_end for watch in reversed(watches)]
        self._on_call = [gate.on_call for gate in gates if gate.on_call]
        self._on_message = [gate.on_message for gate in gates if gate.on_message]
        self._deadline_seconds = deadline_seconds
        self._handler = handler

    def checked_message(self, request: Message, context: Context) -> Message:
        for check in self._on_message:
            check(request, context)
        return request

    async def checked_stream(
        self, requests: AsyncIterator[Message], context: Context
    ) -> AsyncIterator[Message]:
        async for request in requests:
            yield self.checked_message(request, context)

    async def unary(self, reads: Handler, request: Any, context: Context) -> Any:
        self._start(context)
        outcome = None
        try:
            for check in self._on_call:
                check(context)
            request = reads(request, context)
            if context.time_remaining is not None:
                deadline_at.set(time.monotonic() + context.time_remaining)
                return await self._handler(request, context)
            deadline_at.set(time.monotonic() + self._deadline_seconds)
            async with asyncio.timeout(self._deadline_seconds):
                return await self._handler(request, context)
        except _GONE as error:
            outcome = refusal_of(error, context)
            raise
        except Exception as error:
            outcome = refusal_of(error, context)
            raise outcome from error
        finally:
            self._end(context, outcome)

    async def stream(
        self, reads: Handler, request: Any, context: Context
    ) -> AsyncIterator[Message]:
        """A stream has the caller's deadline and none of ours: it may be meant to stay open."""
        self._start(context)
        outcome = None
        try:
            for check in self._on_call:
                check(context)
            async for response in self._handler(reads(request, context), context):
                yield response
        except _GONE as error:
            outcome = refusal_of(error, context)
            raise
        except Exception as error:
            outcome = refusal_of(error, context)
            raise outcome from error
        finally:
            self._end(context, outcome)

    def _start(self, context: Context) -> None:
        for on_start in self._on_start:
            on_start(context)

    def _end(self, context: Context, outcome: Refusal | None) -> None:
        for on_end in self._on_end:
            on_end(context, outcome)
