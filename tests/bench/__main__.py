"""Measures what it is asked for and prints one table.

python -m tests.bench [--only NAME] [--quick] [--against REV]
"""

import argparse
import asyncio
import importlib
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.against.story import NAMES as NAMES_AGAINST
from tests.bench.against.story import compare
from tests.bench.budget import FULL, QUICK, Budget
from tests.bench.cluster import Cluster, running
from tests.bench.report import Row, show
from tests.bench.tree import TreeError, this_checkout

# Modules of `rows`, where a hyphen is an underscore.
NAMES = (
    "get-user",
    "layers",
    "rest",
    "limits",
    "fastapi",
    "edge-filters",
    "not-modified",
    "budgets",
    "orders",
    "orders-pgbench",
    "orders-hot",
    "orders-growth",
    "quotes",
    "search",
    "watchers",
    "cart-update",
    "order-user",
    "list-users",
    "scale",
    "logins",
    "login-rate",
    "login-flood",
    "overload",
    "refresh",
    "idle",
    "up",
)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=f"Rows: {', '.join(NAMES)}. With --against: {', '.join(NAMES_AGAINST)}.",
    )
    parser.add_argument("--only", metavar="NAME", action="append", help="only these rows")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs; rough")
    parser.add_argument("--against", metavar="REV", help="compare this checkout with a revision")
    arguments = parser.parse_args()
    known = NAMES_AGAINST if arguments.against else NAMES
    names = arguments.only or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    budget = QUICK if arguments.quick else FULL
    # As Ctrl-C does: end the children, and remove the folders.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(width=max(Console().width, 120))
    try:
        _run(console, arguments.against, names, budget)
    except TreeError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped")


def _run(console: Console, revision: str | None, names: Sequence[str], budget: Budget) -> None:
    began = time.monotonic()
    if revision:
        rows = compare(console, revision, names, budget)
        title, sides = f"make bench, against {revision}", ("this checkout", revision)
    else:
        rows = _measure(console, names, budget)
        title, sides = "make bench", ("ours", "baseline")
    show(console, f"{title}: {time.monotonic() - began:.0f} s", rows, sides)


def _measure(console: Console, names: Sequence[str], budget: Budget) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="emporium-bench-") as folder,
        running(this_checkout(), Path(folder) / "home") as cluster,
    ):
        return asyncio.run(_rows(console, Path(folder), cluster, names, budget))


async def _rows(
    console: Console, folder: Path, cluster: Cluster, names: Sequence[str], budget: Budget
) -> list[Row]:
    # Late: see `against/memory.py`.
    from tests.bench.h2load import LoadFailed
    from tests.bench.stage import Stage

    stage = Stage(folder, cluster)
    rows: list[Row] = []
    for name in names:
        with console.status(name):
            row = importlib.import_module(f"tests.bench.rows.{name.replace('-', '_')}")
            try:
                rows += await row.measure(stage, budget)
            except LoadFailed as error:
                rows.append(Row(what=f"{name}: {error}", ours=cluster.refusals(), met=False))
    return rows


if __name__ == "__main__":
    main()
