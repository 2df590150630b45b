"""How soon each service is ready, and how much memory it holds when nobody calls."""

import statistics
import time

from tests.bench.budget import Budget
from tests.bench.machine import resident_mb
from tests.bench.report import Row
from tests.bench.stage import Stage

_READY_SECONDS = 0.6
_RESIDENT_MB = 80.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Each service is started alone, again and again; its database runs already."""
    rows: list[Row] = []
    for name in stage.cluster.record["grpc"]:
        seconds, megabytes = [], 0.0
        for _ in range(budget.rounds):
            began = time.perf_counter()
            async with stage.service(name) as service:
                seconds.append(time.perf_counter() - began)
                megabytes = max(megabytes, resident_mb(service.pid))
        ready = statistics.median(seconds)
        rows += [
            Row(
                what=f"{name}: ready",
                ours=f"{ready:.2f} s",
                target=f"at most {_READY_SECONDS} s",
                met=ready <= _READY_SECONDS,
            ),
            Row(
                what=f"{name}: resident when idle",
                ours=f"{megabytes:.0f} MB",
                target=f"at most {_RESIDENT_MB:.0f} MB",
                met=megabytes <= _RESIDENT_MB,
            ),
        ]
    return rows
