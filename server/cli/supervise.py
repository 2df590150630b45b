"""`python -m server.cli.supervise OPTIONS [REPORT]`: the process that runs a cluster.

`emporium up` becomes it, and `up --detach` starts it; see `handover.py`. OPTIONS is the descriptor
of the pipe that holds the options, REPORT that of the pipe on which a waiting `up --detach` reads
the progress. It lives as long as the cluster and therefore imports little.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from server.cli.handover import read_options
from server.cli.progress import PipedProgress, PlainProgress
from server.local.cluster import Cluster
from server.local.errors import LocalError
from server.local.options import ClusterOptions
from server.local.progress import Progress


def main() -> int:
    """Runs the cluster until it is stopped; gives the exit code."""
    options, report = read_options(int(sys.argv[1])), sys.argv[2:]
    try:
        if report:
            return _run_detached(options, int(report[0]))
        # Imported late: a detached supervisor shows nothing.
        from server.cli.foreground import run_in_foreground

        return run_in_foreground(options, run)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def run(
    options: ClusterOptions, progress: Progress, ready: Callable[[Cluster], Awaitable[None]]
) -> None:
    """Runs a cluster until SIGINT or SIGTERM; calls `ready` when it is. Raises `LocalError`."""

    async def until_stopped() -> None:
        task, asked = asyncio.current_task(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            # Once only: a second Ctrl-C would interrupt the clean stop that the first one started.
            if not asked.is_set() and task is not None:
                asked.set()
                progress.reported("stopping")
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        try:
            async with Cluster(options, progress) as cluster:
                await ready(cluster)
                await loop.create_future()
        except asyncio.CancelledError:
            if not asked.is_set():
                raise

    asyncio.run(until_stopped())
    progress.reported("stopped")


def _run_detached(options: ClusterOptions, report: int) -> int:
    with os.fdopen(report, "w", encoding="utf-8") as stream:
        progress = PipedProgress(stream, PlainProgress(sys.stdout))

        async def ready(cluster: Cluster) -> None:
            progress.send("ready", seconds=cluster.ready_seconds)
            progress.finish()

        try:
            run(options, progress, ready)
        except LocalError as error:
            progress.send("refused", problem=error.problem, remedy=error.remedy)
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
