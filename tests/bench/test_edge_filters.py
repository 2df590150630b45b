"""What each filter adds, of Envoys that have one more each."""

from collections.abc import Mapping, Sequence

from tests.bench.compare import Comparison, Run
from tests.bench.report import Row
from tests.bench.rows.edge_filters import rows_of


def compared(ours: Sequence[float], theirs: Sequence[float], rate: float = 1_000.0) -> Comparison:
    """Costs in microseconds; the baseline answers 1,000 calls a second."""
    return Comparison([Run(rate, cost) for cost in ours], [Run(1_000.0, cost) for cost in theirs])


def rows(added: Mapping[str, Comparison]) -> list[Row]:
    """Those of single filters."""
    return rows_of(compared([210], [200]), added)[2:]


def test_what_costs_more_than_5_us_is_named_and_the_rest_is_added_up() -> None:
    dear, others, total = rows(
        {
            "a": compared([204], [200]),
            "b": compared([210], [204]),
            "c": compared([211], [210]),
        }
    )
    assert (dear.what.strip(), dear.figure) == ("b", "+6 us")
    assert others.what.strip().startswith("2 others")
    assert others.figure == "+5 us"
    assert total.figure == "+11 us"


def test_a_filter_costs_what_it_adds_in_the_same_round() -> None:
    dear, *_ = rows({"a": compared([210, 309, 420], [200, 300, 400])})
    assert dear.figure == "+10 us"


def test_all_together_may_cost_a_quarter_more() -> None:
    assert rows_of(compared([250], [200]), {})[0].met
    assert rows_of(compared([251], [200]), {})[0].met is False


def test_all_together_may_answer_15_in_100_fewer() -> None:
    assert rows_of(compared([210], [200], rate=850.0), {})[1].met
    assert rows_of(compared([210], [200], rate=849.0), {})[1].met is False
