"""The interface of what a cluster starts and stops."""

from typing import Protocol

from server.local.process.child import Child


class Part(Protocol):
    """A child process with its own way to become ready and to end."""

    @property
    def child(self) -> Child:
        """The process."""

    async def start(self) -> None:
        """Starts it, and returns when it is ready. Raises `LocalError`."""

    async def stop(self) -> None:
        """Ends it cleanly, and returns when it has ended."""
