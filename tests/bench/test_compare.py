"""When a row is measured again, and when `slower` is said."""

from collections.abc import Iterator

import pytest

from tests.bench.against.verdict import verdict_of
from tests.bench.compare import TRIES, Comparison, Measure, Run, alternate

ROUNDS = 3


def measuring(costs: Iterator[float]) -> Measure:
    """Finds one cost after the other, in microseconds a call."""

    async def run() -> Run:
        return Run(rate=1.0, cpu_us=next(costs))

    return run


async def test_steady_rounds_are_measured_once_after_a_warm_up() -> None:
    ours, theirs = iter([900.0, 100.0, 110.0, 105.0]), iter([900.0, 100.0, 100.0, 100.0])
    found = await alternate(measuring(ours), measuring(theirs), ROUNDS)
    assert [run.cpu_us for run in found.ours] == [100.0, 110.0, 105.0]
    assert not list(ours)


async def test_rounds_that_are_too_far_apart_are_measured_again() -> None:
    ours = iter([900.0, 100.0, 200.0, 100.0, 100.0, 101.0, 102.0])
    theirs = iter([100.0] * 7)
    found = await alternate(measuring(ours), measuring(theirs), ROUNDS)
    assert [run.cpu_us for run in found.ours] == [100.0, 101.0, 102.0]


async def test_of_rounds_that_stay_apart_the_steadiest_count() -> None:
    tries = [[100.0, 200.0, 100.0], [100.0, 130.0, 100.0], [100.0, 300.0, 100.0]]
    assert len(tries) == TRIES
    ours = iter([900.0, *(cost for costs in tries for cost in costs)])
    found = await alternate(measuring(ours), measuring(iter([100.0] * 10)), ROUNDS)
    assert [run.cpu_us for run in found.ours] == tries[1]


def test_noise_grows_with_how_far_the_pairs_disagree() -> None:
    baseline = [Run(1.0, 100.0)] * 4
    steady = Comparison([Run(1.0, cost) for cost in (104.0, 105.0, 105.0, 106.0)], baseline)
    unsteady = Comparison([Run(1.0, cost) for cost in (95.0, 105.0, 105.0, 115.0)], baseline)
    assert steady.cost_ratio == unsteady.cost_ratio == pytest.approx(1.05)
    assert verdict_of(steady.cost_ratio, steady.noise) == "slower"
    assert verdict_of(unsteady.cost_ratio, unsteady.noise) == "perhaps slower, within the noise"


@pytest.mark.parametrize(
    ("cost_ratio", "noise", "verdict"),
    [
        (1.05, 0.01, "slower"),
        (1.05, 0.03, "perhaps slower, within the noise"),
        (1.03, 0.00, "not slower"),
        (0.99, 0.05, "not slower"),
        (0.90, 0.01, "faster"),
    ],
)
def test_slower_is_said_only_when_noise_cannot_explain_it(
    cost_ratio: float, noise: float, verdict: str
) -> None:
    assert verdict_of(cost_ratio, noise) == verdict


@pytest.mark.parametrize(("ours", "met"), [(50.0, True), (50.1, False)])
def test_a_ratio_of_costs_is_met_at_its_target_and_short_below_it(ours: float, met: bool) -> None:
    found = Comparison([Run(1.0, ours)] * 3, [Run(1.0, 100.0)] * 3)
    assert found.row("a 200 in 304s", 2.0).met is met
