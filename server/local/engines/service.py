"""A service as a child process."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

import psutil

from server.local.process.child import Child
from server.local.process.surroundings import PYTHON

# Workers share a port, so a connection to it may reach any of them. Only the kernel knows which
# process listens, and it offers no event for it.
LISTEN_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 60.0

AwaitServing = Callable[[int], Coroutine[None, None, None]]


async def _await_serving(port: int) -> None:
    # Imported late: a supervisor passes a function that does this in another process.
    from server.local.engines.health import await_serving

    await await_serving(port)


class ServiceProcess:
    """One process of a service. `environment` holds what `server/settings` reads.

    `await_serving` is `health.await_serving` or does the same elsewhere.
    """

    def __init__(
        self,
        service: str,
        name: str,
        log_file: Path,
        port: int,
        environment: Mapping[str, str],
        await_serving: AwaitServing = _await_serving,
    ) -> None:
        self._port = port
        self._await_serving = await_serving
        self.child = Child(
            name=name,
            command=[*PYTHON, "-u", "-m", "server", service],
            log_file=log_file,
            environment=environment,
        )

    async def start(self) -> None:
        """Starts it, and returns when its health is SERVING."""
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._until_it_listens()
                await self.child.while_running(self._await_serving(self._port))
        except TimeoutError as error:
            await self.child.stop()
            raise self.child.not_ready(READY_TIMEOUT_SECONDS) from error

    async def stop(self) -> None:
        """Ends it; it drains first."""
        await self.child.stop()

    async def _until_it_listens(self) -> None:
        while not self._listens():
            self.child.require_running()
            await asyncio.sleep(LISTEN_POLL_SECONDS)

    def _listens(self) -> bool:
        try:
            connections = psutil.Process(self.child.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        wanted = (psutil.CONN_LISTEN, (self._port,))
        return any((each.status, each.laddr[1:]) == wanted for each in connections)
