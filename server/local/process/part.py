"""What a cluster is made of."""

from typing import Protocol

from server.local.process.child import Child


class Part(Protocol):
    """A child process that knows how to begin, be ready and end."""

    @property
    def child(self) -> Child:
        """The process."""

    async def start(self) -> None:
        """Starts it, and returns when it is ready. Raises `LocalError`."""

    async def stop(self) -> None:
        """Ends it cleanly, and returns when it is gone."""
