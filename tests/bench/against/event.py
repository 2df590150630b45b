"""Orders, with what they cost after their answer: their events' way to the sales report."""

from collections.abc import Sequence
from functools import partial

from tests.bench import lag
from tests.bench.against import filling
from tests.bench.against.side import Side
from tests.bench.against.verdict import row_of
from tests.bench.budget import Budget
from tests.bench.compare import Comparison, Run, alternate
from tests.bench.report import Row

_SHARE_OF_RATE = 0.4  # of what the slower side can take


async def measure_creates(ours: Side, theirs: Side, budget: Budget) -> list[Row]:
    """As fast as they are answered. The CPU counts until the outbox is empty again."""
    found = await _compare(ours, theirs, ["order"], budget.calls // 2, budget.turns)
    return [row_of("CreateOrder, its event sent", found)]


async def measure_way(ours: Side, theirs: Side, budget: Budget) -> list[Row]:
    """At an even rate that leaves both sides at ease, with what analytics has to do."""
    sides = (ours, theirs)
    fastest = [(await _place(side, ["order"], budget.calls // 4)).rate for side in sides]
    rate = _SHARE_OF_RATE * min(fastest)
    before = [await _lags(side) for side in sides]
    processes = ["order", "analytics"]
    found = await _compare(ours, theirs, processes, budget.calls // 4, budget.turns, rate)
    waited = [_bounds(one, await _lags(side)) for one, side in zip(before, sides, strict=True)]
    return [
        row_of("an order and its event counted", found),
        Row(what=f"  outbox lag at {rate:.0f} a second", ours=waited[0], baseline=waited[1]),
    ]


async def _compare(
    ours: Side,
    theirs: Side,
    processes: Sequence[str],
    calls: int,
    rounds: int,
    rate: float | None = None,
) -> Comparison:
    first, second = [partial(_place, side, processes, calls, rate) for side in (ours, theirs)]
    return await alternate(first, second, rounds)


async def _place(
    side: Side, processes: Sequence[str], calls: int, rate: float | None = None
) -> Run:
    side.pin("order")
    before = side.meter(processes)
    seconds = await filling.place(side, calls, rate)
    await filling.drained(side)
    return side.used(before, calls, seconds)


async def _lags(side: Side) -> lag.Histogram | None:
    try:
        return await lag.histogram(side.cluster.metrics_url("order"))
    except lag.NoHistogram:
        return None


def _bounds(before: lag.Histogram | None, after: lag.Histogram | None) -> str:
    if before is None or after is None:
        return "its metrics do not say"
    since = after.since(before)
    return ", ".join(
        f"{share:.0%} within {since.quantile_bound(share):g} s" for share in (0.5, 0.99)
    )
