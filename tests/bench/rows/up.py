"""How soon the whole cluster is ready, once its home exists and the disk's caches are warm."""

import asyncio
import statistics
import sys
import time
from pathlib import Path

from tests.bench.budget import Budget
from tests.bench.report import Row
from tests.bench.stage import Stage

_READY_SECONDS = 6.0
_PATIENCE_SECONDS = 120.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """`emporium up --detach` from the shell, until it returns; the first run is not counted."""
    home = stage.folder / "cluster"
    seconds = [await _up_and_down(home) for _ in range(1 + budget.rounds // 2)][1:]
    ready = statistics.median(seconds)
    return [
        Row(
            what="emporium up, again",
            ours=f"{ready:.1f} s",
            target=f"at most {_READY_SECONDS:.0f} s",
            met=ready <= _READY_SECONDS,
        )
    ]


async def _up_and_down(home: Path) -> float:
    began = time.perf_counter()
    try:
        await _emporium("up", "--detach", "--edge-port", "0", "--home", str(home))
        return time.perf_counter() - began
    finally:
        await _emporium("down", "--home", str(home))


async def _emporium(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(_PATIENCE_SECONDS):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"emporium {words[0]}: {output.decode(errors='replace')}")
