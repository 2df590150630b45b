"""REST GET of random users by our Envoy, all filters on, against L behind a bare transcoder."""

from tests.bench import edges
from tests.bench.budget import Budget
from tests.bench.compare import Measure, Run, alternate
from tests.bench.h2load import Load
from tests.bench.machine import cpu_seconds
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import Users, filled

TARGET = 0.90
_USERS = 1_000


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the service and its Envoy together."""
    users = await filled(stage, _USERS, in_cluster=True)
    token = await stage.token("admin")
    service, edge = stage.measured("user"), edges.whole(stage)
    async with (
        stage.baseline(users.database_url, "tuned") as bare_service,
        edges.bare(stage, bare_service) as bare_edge,
    ):
        ours, baseline = [
            _getting(stage, users, token, budget.calls, *pair)
            for pair in ((edge, service), (bare_edge, bare_service))
        ]
        found = await alternate(ours, baseline, budget.rounds)
    return [found.row("REST GET user / L with our settings behind a bare transcoder", TARGET)]


def _getting(
    stage: Stage, users: Users, token: str, calls: int, edge: Running, service: Running
) -> Measure:
    base = f"http://127.0.0.1:{edge.port}/api/v1/users"
    urls = stage.folder / f"{edge.port}.urls"
    lines = [f"{base}/{user_id}\n" for user_id in users.picked(calls)]
    urls.write_text("".join(lines), encoding="ascii")
    load = Load(urls, [f"authorization: {token}"])
    pids = {"service": service.pid, "Envoy": edge.pid}

    async def run() -> Run:
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        rate = await load.rate(calls)
        parts = {name: (cpu_seconds(pid) - before[name]) / calls * 1e6
                 for name, pid in pids.items()}  # fmt: skip
        return Run(rate, sum(parts.values()), parts)

    return run
