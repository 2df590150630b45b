"""Two things measured in turns, so that what else the machine does meets both alike."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.bench.report import Row


@dataclass(frozen=True)
class Run:
    """One measurement: calls a second, and server CPU microseconds a call."""

    rate: float
    cpu_us: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f}/s, {self.cpu_us:.0f} us CPU"


Measure = Callable[[], Awaitable[Run]]


@dataclass(frozen=True)
class Comparison:
    """Runs of both sides, in pairs."""

    ours: list[Run]
    baseline: list[Run]

    @property
    def rate_ratio(self) -> float:
        """Our rate in baseline's, the median of the pairs; more is better."""
        return _paired([(a.rate, b.rate) for a, b in self._pairs])

    @property
    def cpu_ratio(self) -> float:
        """Baseline's CPU a call in ours, the median of the pairs; more is better."""
        return _paired([(b.cpu_us, a.cpu_us) for a, b in self._pairs])

    @property
    def our_median(self) -> Run:
        """The middle of our runs."""
        return median(self.ours)

    @property
    def baseline_median(self) -> Run:
        """The middle of the baseline's runs."""
        return median(self.baseline)

    def row(self, what: str, target: float | None = None, *, with_cpu: bool = True) -> Row:
        """This in the table. The rates decide; the CPU says whether the machine was quiet."""
        cpu = f" (CPU {self.cpu_ratio:.2f})" if with_cpu else ""
        return Row(
            what=what,
            ours=str(self.our_median),
            baseline=str(self.baseline_median),
            figure=f"{self.rate_ratio:.2f}{cpu}",
            target=f"at least {target:.2f}" if target else "",
            met=self.rate_ratio >= target if target else None,
        )

    @property
    def _pairs(self) -> list[tuple[Run, Run]]:
        return list(zip(self.ours, self.baseline, strict=True))


async def alternate(ours: Measure, baseline: Measure, rounds: int) -> Comparison:
    """Runs both once to warm up, then `rounds` times in turns; who goes first changes too."""
    await ours()
    await baseline()
    found = Comparison([], [])
    for n in range(rounds):
        sides = [(ours, found.ours), (baseline, found.baseline)]
        for measure, runs in sides if n % 2 == 0 else reversed(sides):
            runs.append(await measure())
    return found


def median(runs: list[Run]) -> Run:
    """The middle rate and the middle CPU time."""
    return Run(
        statistics.median(run.rate for run in runs), statistics.median(run.cpu_us for run in runs)
    )


def _paired(pairs: list[tuple[float, float]]) -> float:
    return statistics.median(a / b for a, b in pairs)
