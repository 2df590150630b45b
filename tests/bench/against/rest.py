"""GET of random users through Envoy, every filter on."""

import tempfile
from functools import partial
from pathlib import Path

from tests.bench.against.side import Side, picked
from tests.bench.against.verdict import row_of
from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.h2load import Load
from tests.bench.report import Row


async def measure(ours: Side, theirs: Side, budget: Budget) -> list[Row]:
    """The CPU is that of the user service and of Envoy, which has the other core."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = [
            partial(_run, side, _urls(side, budget.calls, Path(folder) / name), budget.calls)
            for name, side in (("ours", ours), ("theirs", theirs))
        ]
        return [row_of("REST GET user", await alternate(first, second, budget.turns))]


async def _run(side: Side, urls: Path, calls: int) -> Run:
    side.pin("user")
    load = Load(urls, [": ".join(side.bearer())])
    before = side.meter(["user", "envoy"])
    rate = await load.rate(calls)
    return side.used(before, calls, calls / rate)


def _urls(side: Side, count: int, file: Path) -> Path:
    base = f"http://127.0.0.1:{side.cluster.edge_port}/api/v1/users"
    lines = [f"{base}/{user_id}\n" for user_id in picked(side.user_ids, count)]
    file.write_text("".join(lines), encoding="ascii")
    return file
