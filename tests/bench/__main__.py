"""Measures what it is asked for and prints one table.

python -m tests.bench [--only NAME] [--quick]
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from rich.console import Console

from tests.bench.budget import FULL, QUICK, Budget
from tests.bench.report import Row, show
from tests.bench.rows import get_user, idle, layers, logins, orders, rest, scale, up
from tests.bench.stage import Stage, stage

ROWS: dict[str, Callable[[Stage, Budget], Awaitable[list[Row]]]] = {
    "get-user": get_user.measure,
    "layers": layers.measure,
    "rest": rest.measure,
    "orders": orders.measure,
    "scale": scale.measure,
    "logins": logins.measure,
    "idle": idle.measure,
    "up": up.measure,
}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=ROWS, action="append", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs; rough")
    arguments = parser.parse_args()
    asyncio.run(_measure(arguments.only or list(ROWS), QUICK if arguments.quick else FULL))


async def _measure(names: list[str], budget: Budget) -> None:
    console = Console(width=max(Console().width, 120))
    rows: list[Row] = []
    began = time.monotonic()
    this = asyncio.current_task()
    assert this is not None, "asyncio.run makes a task of this"
    # As Ctrl-C does: end the children, and remove the folder.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with stage() as ready:
        for name in names:
            with console.status(name):
                rows += await ROWS[name](ready, budget)
    show(console, f"make bench: {time.monotonic() - began:.0f} s", rows)


if __name__ == "__main__":
    main()
