"""A channel that is opened anew when its certificates have been replaced."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import grpc

# For the calls under way on a channel that has been replaced: the longest deadline and more.
_GRACE_SECONDS = 60.0


class ReloadingChannel(grpc.aio.Channel):
    """Calls go over what `open_` opened last; it is asked again when `have_changed` says so."""

    def __init__(
        self, open_: Callable[[], grpc.aio.Channel], have_changed: Callable[[], bool]
    ) -> None:
        self._open = open_
        self._have_changed = have_changed
        self._channel = open_()
        self._closing: set[asyncio.Task[None]] = set()

    def current(self) -> grpc.aio.Channel:
        """The channel for the next call."""
        if self._have_changed():
            replaced, self._channel = self._channel, self._open()
            closing = asyncio.ensure_future(replaced.close(_GRACE_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._channel

    def unary_unary(self, *method: Any, **options: Any) -> Any:
        """See `grpc.aio.Channel`; so are the other three."""
        return _Method(self, "unary_unary", method, options)

    def unary_stream(self, *method: Any, **options: Any) -> Any:
        return _Method(self, "unary_stream", method, options)

    def stream_unary(self, *method: Any, **options: Any) -> Any:
        return _Method(self, "stream_unary", method, options)

    def stream_stream(self, *method: Any, **options: Any) -> Any:
        return _Method(self, "stream_stream", method, options)

    async def close(self, grace: float | None = None) -> None:
        """Closes what is open, and what was replaced, whose calls get no more time than others."""
        closing = list(self._closing)
        for task in closing:
            task.cancel()
        await asyncio.gather(self._channel.close(grace), *closing, return_exceptions=True)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Of the channel for the next call; so are the next two."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class _Method:
    """One method, on whichever channel is current."""

    def __init__(self, channels: ReloadingChannel, shape: str, method: Any, options: Any) -> None:
        self._channels = channels
        self._shape, self._method, self._options = shape, method, options
        self._channel: grpc.aio.Channel | None = None
        self._call: Any = None

    def __call__(self, *request: Any, **options: Any) -> Any:
        channel = self._channels.current()
        if channel is not self._channel:
            self._channel = channel
            self._call = getattr(channel, self._shape)(*self._method, **self._options)
        return self._call(*request, **options)
