"""`emporium up`: runs everything, from the databases to the edge, until it is stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.detach import detached
from server.cli.progress import LiveProgress, PipedProgress, PlainProgress
from server.cli.screen import show_screen
from server.local.errors import LocalError
from server.local.home.folder import AlreadyRunning
from server.local.home.plan import DEFAULT_EDGE_PORT
from server.local.home.record import require_running
from server.local.options import ClusterOptions
from server.local.progress import Progress

if TYPE_CHECKING:
    from server.local.cluster import Cluster


def up(  # noqa: PLR0913 (a parameter for each option)
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    edge_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="0: any. Not the default: all ports are free ones."),
    ] = DEFAULT_EDGE_PORT,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes of each service.")] = 1,
    seed: Annotated[Literal["small", "none"], typer.Option(help="Sample data.")] = "small",
    rate_limit: Annotated[
        int, typer.Option(min=1, metavar="PER_MINUTE", help="Requests of one client.")
    ] = 100,
    login_limit: Annotated[
        int, typer.Option(min=1, metavar="PER_MINUTE", help="Logins from one address.")
    ] = 5,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="On the RAM disk, not durable, deleted at exit.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when ready; stop it with `emporium down`.")
    ] = False,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
    mongodb_uri: shared.MongodbUri = "",
    report_to: Annotated[int, typer.Option(hidden=True, help="A pipe, for --detach.")] = 0,
) -> None:
    """Start everything: databases, services, edge. Ctrl-C stops it; the data stay."""
    options = ClusterOptions(
        home=home.absolute(),
        edge_port=edge_port,
        workers=workers,
        seed=seed,
        ephemeral=ephemeral,
        rate_limit_per_minute=rate_limit,
        login_limit_per_minute=login_limit,
        database_url=shared.admin_url(
            database_url, postgres_host, postgres_port, postgres_user, postgres_password
        ),
        mongodb_uri=mongodb_uri,
    )
    console = Console()
    try:
        if detach:
            progress = progress_on(console)
            ready_seconds = detached(options, sys.argv[1:], progress)
            show_screen(console, require_running(options.home), ready_seconds)
            console.print(f"\nStop it with: emporium down --home {home}")
        elif report_to:
            run_reporting(options, report_to)
        else:
            run(options, progress_on(console), lambda cluster: _welcome(console, cluster))
    except AlreadyRunning as error:
        _show_running(console, options.home, error)


def progress_on(console: Console) -> Progress:
    """Live where there is a terminal, plain lines elsewhere."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(sys.stdout)


def run(options: ClusterOptions, progress: Progress, ready: "Callable[[Cluster], None]") -> None:
    """Runs a cluster until SIGINT or SIGTERM; calls `ready` when it is. Raises `LocalError`."""
    # Imported late: the other commands, and `up --detach`, do not need it.
    from server.local.cluster import Cluster

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
                ready(cluster)
                await loop.create_future()
        except asyncio.CancelledError:
            if not asked.is_set():
                raise

    asyncio.run(until_stopped())
    progress.reported("stopped")


def run_reporting(options: ClusterOptions, pipe: int) -> None:
    """Runs a cluster on behalf of a waiting `emporium up --detach`."""
    with os.fdopen(pipe, "w", encoding="utf-8") as stream:
        progress = PipedProgress(stream, PlainProgress(sys.stdout))

        def ready(cluster: "Cluster") -> None:
            progress.send("ready", seconds=cluster.ready_seconds)
            progress.finish()

        try:
            run(options, progress, ready)
        except LocalError as error:
            progress.send("refused", problem=error.problem, remedy=error.remedy)
            raise


def _welcome(console: Console, cluster: "Cluster") -> None:
    show_screen(console, cluster.record, cluster.ready_seconds)
    console.print("\nCtrl-C stops it.")


def _show_running(console: Console, home: Path, error: AlreadyRunning) -> None:
    """A second `up` is no error, unless the running cluster is not ready."""
    with suppress(LocalError):
        record = require_running(home)
        if record.state == "ready":
            console.print(f"A cluster already runs in {home}; it was left as it is.")
            show_screen(console, record, None)
            return
    raise error
