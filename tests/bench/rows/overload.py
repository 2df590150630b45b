"""Up to five times the calls that the cluster can answer: what is answered in time, and after it.

The load has a core to itself, and everything else shares the other one, the edge and the databases
too. So what a refused call costs the edge is taken from what the others get.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.bench.budget import Budget
from tests.bench.machine import loading
from tests.bench.open_loop import Call, Callers, Phase, call, connected
from tests.bench.products import endless
from tests.bench.report import Row
from tests.bench.shop_callers import customers, journeys, reads
from tests.bench.stage import Stage

SHARE_MIN = 0.90
BACK_SECONDS_MAX = 5.0
_FACTORS = (1, 2, 5)
_CUSTOMERS = 200  # each has a connection
_AT_ONCE = 64  # calls under way when capacity is measured
_QUIET_RATE = 50.0  # calls a second
_PROBES_RATE = 5.0
_BACK = 2.0  # times the quiet p99


@dataclass(frozen=True)
class Found:
    """What one kind of load came to."""

    capacity: float
    phases: dict[int, Phase]  # by how many times the capacity was asked for
    quiet_p99: float
    probes: Phase
    back: float

    @property
    def peak(self) -> float:
        """The most that was answered in time."""
        return max(self.capacity, *(each.goodput for each in self.phases.values()))


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Of shopping, which the targets are for, and of the cheapest call."""
    people = await customers(stage, _CUSTOMERS)
    async with stage.admin(await stage.database("order")) as database:
        product_id = await database.fetchval(endless(1))
    rows: list[Row] = []
    for what, calls in (("shopping", journeys(people, product_id)), ("GET user", reads(people))):
        found = await overload(stage, stage.cluster.edge_port, calls, budget.paced_seconds)
        rows += rows_of(what, found)
    return rows


async def overload(stage: Stage, port: int, calls: Callable[[], Call], seconds: float) -> Found:
    """Each phase takes so many seconds."""
    async with AsyncExitStack() as stack:
        stack.enter_context(stage.together())
        stack.enter_context(loading())
        crowd = await stack.enter_async_context(connected(port, _CUSTOMERS))
        visitor = await stack.enter_async_context(connected(port, 1))
        await crowd.keep_busy(calls, _AT_ONCE, seconds / 2)  # warms up
        busy = await crowd.keep_busy(calls, _AT_ONCE, seconds)
        quiet = await visitor.offer(calls, _QUIET_RATE, seconds)
        phases = {}
        for factor in _FACTORS:
            await crowd.at_rest()
            offered = crowd.offer(calls, factor * busy.goodput, seconds)
            phases[factor], probes = await asyncio.gather(offered, _probing(visitor, seconds))
        after = await visitor.offer(calls, _QUIET_RATE, 2 * seconds)
        await crowd.at_rest()
    p99 = quiet.quantile(0.99)
    return Found(busy.goodput, phases, p99, probes, _back(after, p99))


async def _probing(visitor: Callers, seconds: float) -> Phase:
    probe = call("GET", "/ready")
    return await visitor.offer(lambda: probe, _PROBES_RATE, seconds)


def _back(after: Phase, quiet_p99: float) -> float:
    """After how many seconds a whole second's calls, but for one, were as quick as before."""
    first = min((each.due for each in after.answers), default=0.0)
    seconds = int(after.seconds)
    for second in range(seconds):
        due = [each for each in after.answers if int(each.due - first) == second]
        slow = [each for each in due if not each.is_good or each.took > _BACK * quiet_p99]
        if len(due) >= _QUIET_RATE - 1 and len(slow) <= 1:
            return float(second)
    return float("inf")


def rows_of(what: str, found: Found) -> list[Row]:
    """The table's lines."""
    worst, probes = found.phases[_FACTORS[-1]], found.probes
    share = worst.goodput / found.peak
    rows = [
        Row(
            what=f"{what} at {_FACTORS[-1]} times the capacity: goodput / its peak",
            ours=f"{worst.goodput:,.0f}/s",
            baseline=f"{found.peak:,.0f}/s",
            figure=f"{share:.2f}",
            target=f"at least {SHARE_MIN:.2f}",
            met=share >= SHARE_MIN,
        ),
        Row(
            what="  quiet again after",
            ours=f"{found.back:.0f} s",
            baseline=f"p99 {found.quiet_p99 * 1e3:.0f} ms",
            target=f"at most {BACK_SECONDS_MAX:.0f} s",
            met=found.back <= BACK_SECONDS_MAX,
        ),
        Row(
            what="  /ready meanwhile",
            ours=f"{probes.share(200):.0%} ok, p99 {probes.quantile(0.99) * 1e3:.0f} ms",
        ),
    ]
    rows += [
        Row(
            what=f"  at {factor} times: {phase.due / phase.seconds:,.0f}/s offered",
            ours=f"{phase.goodput:,.0f}/s in time, p50 {phase.quantile(0.5) * 1e3:.0f} ms",
            figure=f"503: {phase.share(503):.0%}",
        )
        for factor, phase in found.phases.items()
    ]
    return rows
