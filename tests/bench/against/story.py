"""The comparison from its beginning to its end.

Nothing that services load is imported until memory has been measured; see `memory.py`.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.against import memory
from tests.bench.budget import Budget
from tests.bench.cluster import running
from tests.bench.report import Row
from tests.bench.tree import Tree, checked_out, this_checkout

IDLE = "idle"
CALLS = (
    "GetUser",
    "GetOrder",
    "GetOrderUser",
    "ListOrders",
    "ListUsers",
    "CreateOrder",
    "RecordEvent",
    "rest",
    "event",
)
NAMES = (IDLE, *CALLS)
_PSS_MEGABYTES_MAX = 260.0  # of all parts but the databases


def compare(console: Console, revision: str, names: Sequence[str], budget: Budget) -> list[Row]:
    """The rows called `names`, of this checkout and of `revision`.

    Each cluster is alone while its memory is measured; then both run at once, and take turns.
    """
    rows: list[Row] = []
    with checked_out(revision) as theirs, tempfile.TemporaryDirectory(prefix="emp-bench-") as home:
        ours, folder = this_checkout(), Path(home)
        if IDLE in names:
            with console.status(IDLE):
                rows += _idle(ours, theirs, folder)
        calls = [name for name in names if name in CALLS]
        if calls:
            rows += _calls(console, ours, theirs, folder, calls, budget)
    return rows


def _idle(ours: Tree, theirs: Tree, folder: Path) -> list[Row]:
    our_parts = memory.idle_megabytes(ours, folder / "ours-idle")
    their_parts = memory.idle_megabytes(theirs, folder / "theirs-idle")
    rows = [
        Row(
            what=f"{part}: PSS when idle",
            ours=f"{our_parts[part]:.0f} MB",
            baseline=f"{their_parts[part]:.0f} MB",
        )
        for part in memory.PARTS
    ]
    total = sum(our_parts.values())
    return [
        *rows,
        Row(
            what="all of these together",
            ours=f"{total:.0f} MB",
            baseline=f"{sum(their_parts.values()):.0f} MB",
            target=f"at most {_PSS_MEGABYTES_MAX:.0f} MB",
            met=total <= _PSS_MEGABYTES_MAX,
        ),
    ]


def _calls(
    console: Console,
    ours: Tree,
    theirs: Tree,
    folder: Path,
    names: Sequence[str],
    budget: Budget,
) -> list[Row]:
    from tests.bench.against.calls import measure  # late: see above

    with (
        running(ours, folder / "ours") as our_cluster,
        running(theirs, folder / "theirs") as their_cluster,
    ):
        return asyncio.run(measure(console, our_cluster, their_cluster, names, budget))
