"""The sandbox: the payment provider, a process that moves no money."""

from pathlib import Path

from server.local.engines.listening import HOST, started
from server.local.process.child import Child
from server.local.process.surroundings import PYTHON

SANDBOX = "sandbox"
"""Its name, to people and in what its notices are sent to."""


class Sandbox:
    """The sandbox on that port of 127.0.0.1; what it knows is in the file `store`."""

    def __init__(
        self, *, port: int, store: Path, secret_file: Path, notices_url: str, log_file: Path
    ) -> None:
        self._port = port
        self.child = Child(
            name=SANDBOX,
            command=[
                *PYTHON,
                *("-u", "-m", "server.sandbox"),
                f"--host={HOST}",
                f"--port={port}",
                f"--store={store}",
                f"--secret-file={secret_file}",
                f"--notices-url={notices_url}",
            ],
            log_file=log_file,
        )

    async def start(self) -> None:
        """Starts it, and returns when it takes connections."""
        await started(self.child, self._port)

    async def stop(self) -> None:
        """Ends it."""
        await self.child.stop()
