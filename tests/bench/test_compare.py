"""When a row is measured again."""

from collections.abc import Iterator

from tests.bench.compare import TRIES, Measure, Run, alternate

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
