"""Envoy as a child process, on a configuration rendered for this cluster."""

import asyncio
import http.client
import os
import resource
from pathlib import Path

from server.local.engines import binaries
from server.local.errors import LocalError
from server.local.process.child import Child

# Envoy reports its state over HTTP only, so it is polled.
READY_POLL_SECONDS = 0.03
READY_TIMEOUT_SECONDS = 30.0
ASK_TIMEOUT_SECONDS = 2.0

# What envoy.yaml allows, and what Envoy opens beside it: logs, scripts, connections to services.
CONNECTIONS_MAX = 10_000
FILES_BESIDES = 500

# Below the folder of the configuration.
ADMIN_SOCKET = "admin.sock"
# What sockaddr_un holds, without the byte that ends it.
SOCKET_PATH_BYTES_MAX = 107


class Gateway:
    """Envoy on `configuration`; ready when the edge answers that its services are."""

    def __init__(
        self, configuration: Path, *, edge_port: int, concurrency: int, log_file: Path
    ) -> None:
        self._edge_port = edge_port
        self.child = Child(
            name="envoy",
            command=[
                str(binaries.envoy()),
                "--config-path",
                str(configuration),
                "--concurrency",
                str(concurrency),
                # Hot restarts would need an id that no other Envoy on this machine has.
                "--disable-hot-restart",
                # The access log is there at once, instead of within ten seconds.
                "--file-flush-interval-msec",
                "200",
                "--log-level",
                "warning",
                "--log-format",
                "%Y-%m-%dT%T.%eZ %l %n %v",
            ],
            log_file=log_file,
            stop_timeout_seconds=5.0,
        )

    async def start(self) -> None:
        """Starts it, and returns when requests through it reach every service."""
        await self.child.start()
        # The usual soft limit of 1,024 files is for programs that use select().
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.prlimit(self.child.pid, resource.RLIMIT_NOFILE, (hard, hard))
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                while (answer := await asyncio.to_thread(ask, self._edge_port, "/ready")) != "200":
                    self.child.require_running()
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError as error:
            await self.child.stop()
            raise LocalError(
                f"the edge was not ready in {READY_TIMEOUT_SECONDS:.0f} s; "
                f"GET /ready last answered {answer}"
            ) from error

    async def stop(self) -> None:
        """Ends it; requests under way are aborted."""
        await self.child.stop()


def admin_socket(into: Path) -> Path | None:
    """Where the admin page of an Envoy on `into` is; None where no socket can have the name."""
    socket = into / ADMIN_SOCKET
    return socket if len(os.fsencode(socket)) <= SOCKET_PATH_BYTES_MAX else None


def connections_max() -> int:
    """How many connections the edge may have, so that it never runs out of files."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(hard // 2, hard - FILES_BESIDES))


def ask(port: int, path: str) -> str:
    """The status of a GET on this machine, or why there is none. Blocks for at most 2 s."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
