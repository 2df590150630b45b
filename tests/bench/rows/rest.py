"""REST GET of a user through our Envoy, all filters on, against L behind a bare transcoder."""

import asyncio
import urllib.request
from functools import partial

from tests.bench import edges
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.edges import Edge
from tests.bench.h2load import Load
from tests.bench.report import Row
from tests.bench.stage import Running, Stage
from tests.bench.users import Users, filled

TARGET = 0.90


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the service and its Envoy together."""
    users = await filled(stage, 1_000)
    authorization = stage.token(users.someone.id, "CUSTOMER")
    async with (
        stage.service("user", DATABASE_URL=users.database_url) as service,
        stage.baseline(users.database_url) as bare_service,
        edges.whole(stage, service) as edge,
        edges.bare(stage, bare_service) as bare_edge,
    ):
        ours, baseline = [
            await _get(users, authorization, *pair)
            for pair in ((edge, service), (bare_edge, bare_service))
        ]
        found = await alternate(
            partial(ours.run, budget.calls), partial(baseline.run, budget.calls), budget.rounds
        )
    return [found.row("REST GET user / L behind a bare transcoder", TARGET)]


async def _get(users: Users, authorization: str, edge: Edge, service: Running) -> Load:
    url = f"http://127.0.0.1:{edge.port}/api/v1/users/{users.someone.id}"
    answer = await asyncio.to_thread(_ask, url, authorization)
    headers = [f"authorization: {authorization}"]
    return Load(url, headers, len(answer), pids=(edge.pid, service.pid))


def _ask(url: str, authorization: str) -> bytes:
    request = urllib.request.Request(url, headers={"authorization": authorization})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: bytes = response.read()
        return answer
