"""One process of the limiter."""

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

import uvloop

from server.limits import classes
from server.limits.http2 import Connection, Handler
from server.limits.service import OK, RateLimitService
from server.limits.store import Store, now

SHOULD_RATE_LIMIT = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
CHECK = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse
# The edge leaves at once when it is told; who does not is cut off.
DRAIN_SECONDS = 2.0

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT; gives the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        known = classes.read(options.classes)
        store = Store(options.store, known.limits.values())
    except (OSError, ValueError) as error:
        log.error("cannot start: %s", error)  # noqa: TRY400 - the sentence says it all
        return 1
    for name in store.begun_anew:
        log.info("%s: counts begin anew", name)
    try:
        uvloop.run(serve(options.host, options.port, known, store))
    finally:
        store.close()
    return 0


async def serve(
    host: str,
    port: int,
    known: classes.Classes,
    store: Store,
    clock: Callable[[], int] = now,
) -> None:
    """Answers the edge on that address until the process is told to end."""
    service = RateLimitService(known, store, clock)
    handlers: dict[str, Handler] = {
        SHOULD_RATE_LIMIT: service.should_rate_limit,
        CHECK: lambda _message, _asked_as: (OK, SERVING),
    }
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: Connection(handlers, connections), host, port)
    log.info("answers on %s:%d", host, port)
    await ended.wait()
    server.close()  # new connections go to another process
    for connection in list(connections):
        connection.drain()
    if open_ones := [connection.closed for connection in connections]:
        await asyncio.wait(open_ones, timeout=DRAIN_SECONDS)
    if left := list(connections):
        for connection in left:
            connection.close()
        await asyncio.wait([connection.closed for connection in left], timeout=DRAIN_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.limits", description=__doc__)
    parser.add_argument("--classes", type=Path, required=True, help="the limits, as a file")
    parser.add_argument("--store", type=Path, required=True, help="the folder of the counts")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, required=True, help="the port to listen on")
    return parser
