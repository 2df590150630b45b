"""What it costs a REST call to be counted: our edge against the same without its limits."""

import statistics

from tests.bench import edges
from tests.bench.budget import Budget
from tests.bench.compare import alternate
from tests.bench.report import Row
from tests.bench.rows.rest import getting
from tests.bench.stage import Stage
from tests.bench.users import filled

_USERS = 1_000
_BUDGET_US = 100.0


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is that of Envoy and the limiters together."""
    users = await filled(stage, _USERS, in_cluster=True)
    token = await stage.token("admin")
    stage.measured("user")
    whole = edges.whole(stage)
    async with edges.without_limits(stage) as plain:
        counting, passing = [
            getting(stage, users, token, budget.calls, each.port, pids)
            for each, pids in (
                (whole, {"Envoy": whole.pid, **edges.limiters(stage)}),
                (plain, {"Envoy": plain.pid}),
            )
        ]
        found = await alternate(counting, passing, budget.rounds)
    costs = [a.cpu_us - b.cpu_us for a, b in zip(found.ours, found.baseline, strict=True)]
    cost = statistics.median(costs)
    return [
        Row(
            what="limit's own cost of a REST call",
            ours=str(found.ours[0]),
            baseline=str(found.baseline[0]),
            figure=f"{cost:.0f} us",
            spread=f"{min(costs):.0f} to {max(costs):.0f} us",
            target=f"at most {_BUDGET_US:.0f} us",
            met=cost <= _BUDGET_US,
        )
    ]
