"""The limiter: a process that the edge asks about each call."""

from collections.abc import Callable, Mapping
from pathlib import Path

from server.local.engines.listening import HOST as HOST  # noqa: PLC0414 - told from here, too
from server.local.engines.listening import started
from server.local.process.child import Child
from server.local.process.surroundings import PYTHON

LIMITS = "limits"
"""Its name to the edge, as a service has one."""
CLASSES = "generated/limits.yaml"
"""The file of the limits, below envoy/ and below what is rendered of it."""


class Limiter:
    """One process of the limiter, on that port of 127.0.0.1.

    `classes` is the file of limits that `engines.edge.render` wrote; in the folder `store` are the
    counts, which all processes share. `name` is its own.
    """

    def __init__(self, name: str, *, port: int, classes: Path, store: Path, log_file: Path) -> None:
        self._port = port
        self.child = Child(
            name=name,
            command=[
                *PYTHON,
                *("-u", "-m", "server.limits"),
                f"--classes={classes}",
                f"--store={store}",
                f"--host={HOST}",
                f"--port={port}",
            ],
            log_file=log_file,
        )

    async def start(self) -> None:
        """Starts it, and returns when it takes connections."""
        await started(self.child, self._port)

    async def stop(self) -> None:
        """Ends it."""
        await self.child.stop()


def all_of(
    ports: Mapping[str, int], *, edge: Path, store: Path, log_file: Callable[[str], Path]
) -> list[Limiter]:
    """The limiter's processes, by their names and ports; `edge` is what `engines.edge` rendered."""
    return [
        Limiter(name, port=port, classes=edge / CLASSES, store=store, log_file=log_file(name))
        for name, port in ports.items()
    ]
