"""How soon the whole cluster is ready, once its home exists and the disk's caches are warm."""

import asyncio
import statistics
import time
from pathlib import Path

from tests.bench.budget import Budget
from tests.bench.report import Row
from tests.bench.stage import Stage
from tests.bench.tree import Tree

_READY_SECONDS = 6.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """`emporium up --detach` from the shell, until it returns; the first run is not counted."""
    tree, home = stage.cluster.tree, stage.folder / "another"
    runs = range(1 + budget.rounds // 2)
    seconds = [await asyncio.to_thread(_up_and_down, tree, home) for _ in runs]
    ready = statistics.median(seconds[1:] or seconds)
    return [
        Row(
            what="emporium up, again",
            ours=f"{ready:.1f} s",
            target=f"at most {_READY_SECONDS:.0f} s",
            met=ready <= _READY_SECONDS,
        )
    ]


def _up_and_down(tree: Tree, home: Path) -> float:
    began = time.perf_counter()
    try:
        tree.emporium("up", "--detach", "--edge-port", "0", "--home", str(home))
        return time.perf_counter() - began
    finally:
        tree.emporium("down", "--home", str(home))
