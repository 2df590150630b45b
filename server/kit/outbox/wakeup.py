"""Wakes relays when there is something to send, in all processes of a service."""

from collections.abc import Callable

from server.kit.postgres.channel import Channel

_CHANNEL = "outbox"


class Wakeup:
    """The channel by which processes tell each other that there are events."""

    def __init__(self, dsn: str, wake: Callable[[], None]) -> None:
        self._channel = Channel(dsn, _CHANNEL, lambda _: wake())

    def notify(self) -> None:
        """Says that an event has been committed. Costs nothing and never fails."""
        self._channel.tell()

    async def run(self) -> None:
        """Listens and notifies until cancelled."""
        await self._channel.run()
