"""GETs of many paths, with the CPU that they cost."""

from collections.abc import Mapping, Sequence

from tests.bench.compare import Measure, Run, run_of
from tests.bench.h2load import Load
from tests.bench.machine import cpu_by_name
from tests.bench.stage import Stage


def getting(
    stage: Stage,
    port: int,
    paths: Sequence[str],
    headers: Mapping[str, str],
    pids: Mapping[str, int],
    *,
    postgres: int | None = None,
    status: str = "2xx",
    http1: bool = False,
) -> Measure:
    """Gets each of `paths` once from `port`; the CPU is that of `pids`.

    With `postgres`, the pid of its first process, what it spends on its clients counts as well.
    """
    count = len(paths)
    urls = stage.new_file(".urls")
    urls.write_text("".join(f"http://127.0.0.1:{port}{path}\n" for path in paths), "ascii")
    load = Load(urls, [f"{name}: {value}" for name, value in headers.items()], status, http1)

    async def run() -> Run:
        before = cpu_by_name(pids, postgres)
        rate = await load.rate(count)
        return run_of(count, count / rate, before, cpu_by_name(pids, postgres))

    return run
