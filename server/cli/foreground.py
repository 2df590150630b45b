"""A cluster in the foreground: progress, the screen, and Ctrl-C."""

import sys
from collections.abc import Awaitable, Callable

from rich.console import Console

from server.cli.live import progress_on
from server.cli.screen import TOKEN_SECONDS, example_user, show_error, show_running, show_screen
from server.local.cluster import Cluster
from server.local.errors import LocalError
from server.local.home.folder import AlreadyRunning
from server.local.options import ClusterOptions
from server.local.progress import Progress

Run = Callable[[ClusterOptions, Progress, Callable[[Cluster], Awaitable[None]]], None]


def run_in_foreground(options: ClusterOptions, run: Run) -> int:
    """Runs a cluster by `run` and shows what it does; gives the exit code."""
    console = Console()

    async def welcome(cluster: Cluster) -> None:
        user = example_user(cluster.record)
        # The helper process signs, so that this one, which stays, need not load cryptography.
        token = ""
        if user:
            token = await cluster.preparation.sign_token(user.user_id, user.role, TOKEN_SECONDS)
        show_screen(console, cluster.record, token, cluster.ready_seconds)
        console.print("\nCtrl-C stops it.")

    try:
        try:
            run(options, progress_on(console), welcome)
        except AlreadyRunning as error:
            show_running(console, options.home, error)
    except LocalError as error:
        show_error(Console(file=sys.stderr), error)
        return 1
    return 0
