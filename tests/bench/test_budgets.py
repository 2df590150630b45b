"""When a promised budget is kept."""

from collections.abc import Mapping

import pytest

from tests.bench.report import Row
from tests.bench.rows import budgets
from tests.bench.usage import Statements, Usage

QUICK = [0.001] * 100


def table(
    took: Mapping[str, list[float]], *, idle: bool = True, usage: Usage | None = None
) -> dict[str, Row]:
    """The rows by what they are of, where all that is not said is quick and small."""
    kinds = (budgets.RECORD, budgets.JOIN, budgets.LIST, budgets.CHANGE, budgets.BETWEEN_SERVICES)
    made = usage or spent()
    rows = budgets.rows_of("x", dict.fromkeys(kinds, QUICK) | dict(took), made, idle=idle)
    return {row.what.removeprefix("x: "): row for row in rows}


def spent(
    cores: float = 0.1, resident_mb: float = 80.0, connections: int = 20, slow: int = 0
) -> Usage:
    return Usage(
        {"user": cores, "envoy": 0.01},
        {"user": resident_mb, "order": 1.0},
        {"PostgreSQL": connections, "MongoDB": 1},
        {"PostgreSQL": Statements(100, slow)},
    )


def test_every_budget_is_kept_by_what_is_quick_and_small() -> None:
    rows = table({})
    assert len(rows) == 8
    assert all(row.met for row in rows.values())


@pytest.mark.parametrize(
    ("kind", "ms"),
    [(budgets.RECORD, 100), (budgets.JOIN, 500), (budgets.BETWEEN_SERVICES, 150)],
)
def test_one_call_in_a_hundred_may_be_late_and_two_may_not(kind: str, ms: int) -> None:
    late = ms / 1000 + 0.001
    assert table({kind: [*QUICK[1:], late]})[f"{kind}, p99"].met
    assert table({kind: [*QUICK[2:], late, late]})[f"{kind}, p99"].met is False


def test_the_slowest_kind_is_the_one_whose_p95_counts() -> None:
    row = table({budgets.LIST: [*QUICK[6:], *[0.201] * 6]})["slowest kind of call, p95"]
    assert row.met is False
    assert row.figure == budgets.LIST
    assert table({budgets.LIST: [*QUICK[5:], *[0.201] * 5]})["slowest kind of call, p95"].met


@pytest.mark.parametrize(
    ("usage", "what"),
    [
        (spent(cores=0.51), "a process's share of a core"),
        (spent(resident_mb=513), "memory of a service"),
        (spent(connections=100), "database connections"),
        (spent(slow=6), "statements of PostgreSQL over 100 ms"),
    ],
)
def test_what_is_over_its_budget_is_said_alone(usage: Usage, what: str) -> None:
    assert [name for name, row in table({}, usage=usage).items() if not row.met] == [what]


def test_the_processors_may_be_busy_while_as_many_call_as_can() -> None:
    assert all(row.met for row in table({}, idle=False, usage=spent(cores=0.99)).values())
