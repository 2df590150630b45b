"""The streams that a process has open: how many, and that their callers may still have them.

A call is judged when it begins, and a stream lasts long after that: a token ends, or a session,
an account is suspended, a role is taken away. So each stream's call is judged again every second,
as if it had just arrived.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from server.kit import errors
from server.kit.shares import Shares, sharer

_CHECK_SECONDS = 1.0
# Of one caller. A browser has six connections to a server by HTTP/1.1, and a hundred streams by
# HTTP/2; behind one address there may be several.
_EACH_MAX = 16
# Of all. To the edge each is one of the 4,096 calls that a service may have (envoy/envoy.yaml).
_MAX = 1_000

Later = Callable[[float, Callable[[], None]], object]


def _later(seconds: float, work: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, work)


class OpenStreams:
    """Those of one process."""

    def __init__(self, later: Later = _later) -> None:
        self._later = later
        self._open: set[OpenStream] = set()
        self._shares = Shares(_EACH_MAX)
        self._is_checking = False

    @contextmanager
    def opened(self, check: Callable[[], None]) -> "Iterator[OpenStream]":
        """A stream that ends when `check` raises, with what it raises.

        Raises `RateLimited` where its caller has too many open, and `Unavailable` where the process
        has.
        """
        name = sharer.get()
        if len(self._open) >= _MAX:
            raise errors.Unavailable("too many streams are open", retry_after_seconds=1.0)
        if name and not self._shares.take_now(name):
            raise errors.RateLimited(
                f"you have {_EACH_MAX} streams open; end one first", retry_after_seconds=1.0
            )
        stream = OpenStream(check)
        self._open.add(stream)
        self._check_later()
        try:
            yield stream
        finally:
            self._open.discard(stream)
            if name:
                self._shares.give_back(name)

    def _check_later(self) -> None:
        if self._open and not self._is_checking:
            self._is_checking = True
            self._later(_CHECK_SECONDS, self._check)

    def _check(self) -> None:
        self._is_checking = False
        for stream in list(self._open):
            stream.check()
        self._check_later()


class OpenStream:
    """One of them."""

    __slots__ = ("_check", "_error", "_waiting")

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._error: Exception | None = None
        self._waiting: asyncio.Task[Any] | None = None

    def check(self) -> None:
        """Ends the stream when it may not go on, however long it has to wait for a message."""
        if self._error is not None:
            return
        try:
            self._check()
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream's caller gets it
            self._error = error
            if self._waiting is not None:
                self._waiting.cancel()

    async def of(self, responses: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """The `responses`, until `check` raises; then what it has raised."""
        async with aclosing(responses):
            while self._error is None:
                try:
                    response = await self._next(responses)
                except StopAsyncIteration:
                    return
                yield response
        raise self._error

    async def _next(self, responses: AsyncGenerator[Any, None]) -> Any:
        task = self._waiting = asyncio.current_task()
        try:
            return await anext(responses)
        except asyncio.CancelledError:
            # As `asyncio.timeout` has it: somebody else may have cancelled the task as well.
            if self._error is None or task is None or task.uncancel():
                raise
            raise self._error from None
        finally:
            self._waiting = None
