"""What each filter of the edge costs a REST call: added one by one to a bare transcoder.

All of them answer GET of random users from the same service. The limiter has a row of its own.
"""

import statistics
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from tests.bench import edges
from tests.bench.budget import Budget
from tests.bench.compare import Comparison, Measure, alternate
from tests.bench.report import Row
from tests.bench.rows.rest import getting
from tests.bench.stage import Running, Stage
from tests.bench.users import Users, filled

CPU_MAX = 1.25
RATE_MIN = 0.85
_USERS = 1_000
_SHARE = 8  # of the budget's calls for a run of two Envoys that differ in one filter
_EACH_US = 5.0  # what costs more has to earn it
_BARE = "listener, routes, headers, access log"  # what the edge has besides filters
# Without these nothing is answered.
_NEEDED = frozenset({"transcoder", "envoy.filters.http.router"})


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """The CPU is Envoy's. Two run at a time: each watches many files, and all together too many."""
    users = await filled(stage, _USERS, in_cluster=True)
    service, token = stage.measured("user"), await stage.token("admin")
    names = [each for each in edges.filter_names(stage) if each != edges.LIMITS]
    getting_by = partial(_getting, stage, users, token)
    async with edges.bare(stage, service) as bare, edges.with_filters(stage, names) as edge:
        calls = budget.calls // 2
        whole = await alternate(getting_by(calls, edge), getting_by(calls, bare), budget.rounds)
    added: dict[str, Comparison] = {}
    kept: frozenset[str] | None = None
    # From the service outwards: `rest` makes calls REST, which needs what stands nearer to it.
    for name in (_BARE, *(each for each in reversed(names) if each not in _NEEDED)):
        more = _NEEDED if kept is None else kept | {name}
        async with _edge(stage, service, more) as after, _edge(stage, service, kept) as before:
            calls = budget.calls // _SHARE
            sides = getting_by(calls, after), getting_by(calls, before)
            added[name] = await alternate(*sides, budget.rounds)
        kept = more
    return rows_of(whole, added)


@asynccontextmanager
async def _edge(
    stage: Stage, service: Running, kept: frozenset[str] | None
) -> AsyncIterator[Running]:
    """The edge with the filters that are `kept`; without any, the bare transcoder."""
    made = edges.bare(stage, service) if kept is None else edges.with_filters(stage, kept)
    async with made as running:
        yield running


def _getting(stage: Stage, users: Users, token: str, calls: int, envoy: Running) -> Measure:
    return getting(stage, users, token, calls, envoy.port, {"Envoy": envoy.pid})


def rows_of(whole: Comparison, added: Mapping[str, Comparison]) -> list[Row]:
    """The table: of the whole edge against the bare one, and of what each filter adds."""
    costs = {
        name: statistics.median(
            more.cpu_us - less.cpu_us for more, less in zip(found.ours, found.baseline, strict=True)
        )
        for name, found in added.items()
    }
    cheap = [cost for cost in costs.values() if cost <= _EACH_US]
    return [
        Row(
            what="REST GET user, CPU of Envoy: all filters but `limits` / a bare transcoder",
            ours=str(whole.our_median),
            baseline=str(whole.baseline_median),
            figure=f"{whole.cost_ratio:.2f}",
            spread=" / ".join(f"{spread:.0%}" for spread in whole.spreads),
            target=f"at most {CPU_MAX:.2f}",
            met=whole.cost_ratio <= CPU_MAX,
        ),
        Row(
            what="  calls a second",
            figure=f"{whole.rate_ratio:.2f}",
            target=f"at least {RATE_MIN:.2f}",
            met=whole.rate_ratio >= RATE_MIN,
        ),
        *(
            Row(
                what=f"  {name}",
                ours=str(added[name].our_median),
                baseline=str(added[name].baseline_median),
                figure=f"{cost:+.0f} us",
            )
            for name, cost in costs.items()
            if cost > _EACH_US
        ),
        Row(
            what=f"  {len(cheap)} others, each at most {_EACH_US:.0f} us",
            figure=f"{sum(cheap):+.0f} us",
        ),
        # Far from the difference of the whole, the machine was too busy for figures so small.
        Row(what="  added up", figure=f"{sum(costs.values()):+.0f} us"),
    ]
