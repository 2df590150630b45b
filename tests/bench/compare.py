"""Two things measured in turns, so that what else the machine does meets both alike."""

import math
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.report import Row

SPREAD_MAX = 0.20  # of the rounds of one side; beyond it the row is measured again
TRIES = 3

# Student's t for two-sided 95 %, by the number of rounds.
_STUDENT = {2: 12.7, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
_STUDENT_OF_MORE = 2.23


@dataclass(frozen=True)
class Run:
    """One measurement: calls a second, and server CPU microseconds a call."""

    rate: float
    cpu_us: float
    parts: Mapping[str, float] = field(default_factory=dict)  # of `cpu_us`, by process
    database_us: float | None = None  # of the database's CPU, which is not in `cpu_us`

    def __str__(self) -> str:
        parts = " + ".join(f"{name} {cpu:.0f}" for name, cpu in self.parts.items())
        parts = f" ({parts})" if len(self.parts) > 1 else ""
        database = "" if self.database_us is None else f", database {self.database_us:.0f}"
        return f"{self.rate:,.0f}/s, {self.cpu_us:.0f} us CPU{parts}{database}"


Measure = Callable[[], Awaitable[Run]]


def run_of(
    calls: int, seconds: float, before: Mapping[str, float], after: Mapping[str, float]
) -> Run:
    """What so many calls have cost; `before` and `after` are the CPU seconds of each process."""
    parts = {name: (cpu - before[name]) / calls * 1e6 for name, cpu in after.items()}
    return Run(calls / seconds, sum(parts.values()), parts)


@dataclass(frozen=True)
class Comparison:
    """Runs of both sides, in pairs."""

    ours: list[Run]
    baseline: list[Run]

    @property
    def rate_ratio(self) -> float:
        """Our rate in baseline's, the median of the pairs; more is better."""
        return statistics.median(a.rate / b.rate for a, b in self._pairs)

    @property
    def cpu_ratio(self) -> float:
        """Baseline's CPU a call in ours, the median of the pairs; more is better."""
        return statistics.median(b.cpu_us / a.cpu_us for a, b in self._pairs)

    @property
    def cost_ratio(self) -> float:
        """Our CPU a call in baseline's, the median of the pairs; less is better."""
        return statistics.median(self._costs)

    @property
    def noise(self) -> float:
        """How far `cost_ratio` may be from the truth, in 19 of 20 cases."""
        rounds = len(self._costs)
        error = statistics.stdev(self._costs) / math.sqrt(rounds)
        return error * _STUDENT.get(rounds, _STUDENT_OF_MORE)

    @property
    def spreads(self) -> tuple[float, float]:
        """How far the rounds of each side are apart in CPU a call, as a share of their median."""
        return _spread(self.ours), _spread(self.baseline)

    @property
    def spread(self) -> float:
        """The greater one."""
        return max(self.spreads)

    @property
    def our_median(self) -> Run:
        """The middle of our runs."""
        return median(self.ours)

    @property
    def baseline_median(self) -> Run:
        """The middle of the baseline's runs."""
        return median(self.baseline)

    def row(self, what: str, target: float | None = None) -> Row:
        """This in the table. The CPU a call decides, which is steadier than the rate."""
        figure = f"{self.cpu_ratio:.2f} (rate {self.rate_ratio:.2f})"
        return self._row(what, figure, self.cpu_ratio, target)

    def row_by_rate(self, what: str, target: float | None = None) -> Row:
        """The same where the CPU a call tells nothing, because something else is done besides."""
        return self._row(what, f"{self.rate_ratio:.2f}", self.rate_ratio, target)

    def _row(self, what: str, figure: str, ratio: float, target: float | None) -> Row:
        return Row(
            what=what,
            ours=str(self.our_median),
            baseline=str(self.baseline_median),
            figure=figure,
            spread=" / ".join(f"{spread:.0%}" for spread in self.spreads),
            target=f"at least {target:.2f}" if target else "",
            met=ratio >= target if target else None,
        )

    @property
    def _pairs(self) -> list[tuple[Run, Run]]:
        return list(zip(self.ours, self.baseline, strict=True))

    @property
    def _costs(self) -> list[float]:
        return [a.cpu_us / b.cpu_us for a, b in self._pairs]


async def alternate(ours: Measure, baseline: Measure, rounds: int) -> Comparison:
    """Runs both once to warm up, then `rounds` times in turns; who goes first changes too.

    When the rounds of a side are too far apart, all of them are run again, up to `TRIES` times; the
    steadiest try counts.
    """
    await ours()
    await baseline()
    tries = [await _rounds(ours, baseline, rounds)]
    while tries[-1].spread > SPREAD_MAX and len(tries) < TRIES:
        tries.append(await _rounds(ours, baseline, rounds))
    return min(tries, key=lambda found: found.spread)


async def _rounds(ours: Measure, baseline: Measure, rounds: int) -> Comparison:
    found = Comparison([], [])
    for n in range(rounds):
        sides = [(ours, found.ours), (baseline, found.baseline)]
        for measure, runs in sides if n % 2 == 0 else reversed(sides):
            runs.append(await measure())
    return found


def median(runs: Sequence[Run]) -> Run:
    """The middle of every figure."""
    databases = [run.database_us for run in runs if run.database_us is not None]
    return Run(
        statistics.median(run.rate for run in runs),
        statistics.median(run.cpu_us for run in runs),
        {part: statistics.median(run.parts[part] for run in runs) for part in runs[0].parts},
        statistics.median(databases) if databases else None,
    )


def _spread(runs: Sequence[Run]) -> float:
    cpu = [run.cpu_us for run in runs]
    return (max(cpu) - min(cpu)) / statistics.median(cpu)
