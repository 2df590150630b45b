"""How what locust measured is judged."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.crowd import figures
from tests.campaign.crowd.figures import Crowd, Figures, Unfinished

CROWD = Crowd(users=10, calls_a_second=1.0, bcrypt_a_second=0.5)
PROMISES = 5  # rows, before those of the calls by name


def entry(name: str, times: dict[str, int], failures: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "start_time": 1_000.0,
        "last_request_timestamp": 1_100.0,
        "num_requests": sum(times.values()),
        "num_failures": failures,
        "response_times": times,
    }


GOOD = (entry("list products", {"5": 95, "190": 5}), entry("log in", {"900": 20}))


def verdicts(*entries: Any, failures: tuple[str, ...] = (), busy: bool = False) -> list[Any]:
    rows = figures.rows(Figures(entries, failures, busy), CROWD)
    return [row.met for row in rows[:PROMISES]]


def test_what_was_promised_holds() -> None:
    assert verdicts(*GOOD) == [True] * PROMISES


@pytest.mark.parametrize(
    ("found", "short"),
    [
        (verdicts(entry("list products", {"5": 90, "200": 10}), GOOD[1]), 0),
        (verdicts(entry("list products", {"5": 70}), GOOD[1]), 1),
        (verdicts(GOOD[0], entry("log in", {"900": 60})), 2),
        (verdicts(*GOOD, entry("sign up", {"900": 40})), 2),
        (verdicts(GOOD[0]), 2),
        (verdicts(*GOOD, failures=("1 x list products: 503",)), 3),
        (verdicts(*GOOD, busy=True), 4),
    ],
)
def test_what_falls_short_is_said(found: list[Any], short: int) -> None:
    assert found == [number != short for number in range(PROMISES)]


def test_calls_with_bcrypt_count_in_no_other_p95() -> None:
    row = figures.rows(Figures(GOOD, (), False), CROWD)[0]
    assert row.figure == "p95 5 ms"


def test_the_files_that_locust_leaves_are_read(tmp_path: Path) -> None:
    prefix, log = tmp_path / "crowd", tmp_path / "log"
    log.write_text("a\nCPU usage was too high at some point\n")
    with pytest.raises(Unfinished, match="CPU usage"):
        figures.read(prefix, log)
    prefix.with_suffix(".json").write_text(json.dumps(GOOD))
    Path(f"{prefix}_failures.csv").write_text(
        "Method,Name,Error,Occurrences\nGET,list products,503 too many,7\n"
    )
    found = figures.read(prefix, log)
    assert found.was_too_busy
    assert found.failures == ["7 x list products: 503 too many"]
    assert found.seconds == 100
