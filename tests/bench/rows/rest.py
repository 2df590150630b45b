"""REST GET of random users by our Envoy, all filters on, against L behind a bare transcoder.

Who counts calls is the row `limits`, and no part of this one.
"""

from collections.abc import Mapping

from tests.bench import edges, rest_load
from tests.bench.budget import Budget
from tests.bench.compare import Measure, alternate
from tests.bench.report import Row
from tests.bench.stage import Stage
from tests.bench.users import Users, filled

TARGET = 0.90
_USERS = 1_000


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of the service and its Envoy together."""
    users = await filled(stage, _USERS, in_cluster=True)
    token = await stage.token("admin")
    service = stage.measured("user")
    async with (
        edges.without_limits(stage) as edge,
        stage.baseline(users.database_url, "tuned") as bare_service,
        edges.bare(stage, bare_service) as bare_edge,
    ):
        ours, baseline = [
            getting(stage, users, token, budget.calls, each.port, pids)
            for each, pids in (
                (edge, {"service": service.pid, "Envoy": edge.pid}),
                (bare_edge, {"service": bare_service.pid, "Envoy": bare_edge.pid}),
            )
        ]
        found = await alternate(ours, baseline, budget.rounds)
    return [found.row("REST GET user / L with our settings behind a bare transcoder", TARGET)]


def getting(
    stage: Stage, users: Users, token: str, calls: int, port: int, pids: Mapping[str, int]
) -> Measure:
    """Gets users at random through the edge on `port`; the CPU is that of `pids`."""
    paths = [f"/api/v1/users/{user_id}" for user_id in users.picked(calls)]
    return rest_load.getting(stage, port, paths, {"authorization": token}, pids)
