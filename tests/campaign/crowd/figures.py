"""What locust has measured, as rows."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.report import Row

P95_MS_MAX = 200
BCRYPT = {"sign up", "log in"}
# What locust says when it is itself what is too slow.
_TOO_BUSY = "CPU usage was too high"
_LINES_SHOWN = 8


@dataclass(frozen=True)
class Crowd:
    """Who called, and how often they were to."""

    users: int
    calls_a_second: float
    bcrypt_a_second: float


@dataclass(frozen=True)
class Figures:
    """Of a run that is over."""

    entries: Sequence[Mapping[str, Any]]  # by name of the call, as locust has them
    failures: Sequence[str]
    was_too_busy: bool

    @property
    def seconds(self) -> float:
        """From the moment when all were there until the last answer."""
        began = min(entry["start_time"] for entry in self.entries)
        return float(max(entry["last_request_timestamp"] for entry in self.entries) - began)


class Unfinished(Exception):
    """Locust has left no figures; the message is the end of what it said."""


def read(prefix: Path, log: Path) -> Figures:
    """Those of the files that begin so. Raises `Unfinished`."""
    said = log.read_text("utf-8", "replace")
    stats = prefix.with_suffix(".json")
    entries = json.loads(stats.read_text("utf-8")) if stats.exists() else []
    if not entries:
        raise Unfinished("\n".join(said.splitlines()[-_LINES_SHOWN:]))
    with prefix.with_name(f"{prefix.name}_failures.csv").open(newline="") as file:
        failures = [
            f"{line['Occurrences']} x {line['Name']}: {line['Error']}"
            for line in csv.DictReader(file)
        ]
    return Figures(entries, failures, _TOO_BUSY in said)


def rows(figures: Figures, crowd: Crowd) -> list[Row]:
    """What was promised, and below it each call by its name."""
    entries = figures.entries
    hashing = [entry for entry in entries if entry["name"] in BCRYPT]
    others = [entry for entry in entries if entry["name"] not in BCRYPT]
    p95 = quantile(others, 0.95)
    calls = sum(entry["num_requests"] for entry in entries)
    rate = calls / figures.seconds
    hashes = sum(entry["num_requests"] for entry in hashing) / figures.seconds
    return [
        Row(
            what=f"{crowd.users:,} users, all calls without bcrypt",
            ours=summary(others),
            figure=f"p95 {p95} ms",
            target=f"p95 below {P95_MS_MAX} ms",
            met=p95 < P95_MS_MAX,
        ),
        Row(
            what="calls a second",
            ours=f"{calls:,} in {figures.seconds:.0f} s",
            figure=f"{rate:.1f}",
            target=f"at least {crowd.calls_a_second:.3g}",
            met=rate >= crowd.calls_a_second,
        ),
        Row(
            what="sign-ups and log-ins (bcrypt)",
            ours=summary(hashing),
            figure=f"{hashes:.2f} a second",
            target=f"some, and at most {crowd.bcrypt_a_second:.2g} a second",
            met=0 < hashes <= crowd.bcrypt_a_second,
        ),
        Row(
            what="calls that failed",
            ours="\n".join(figures.failures[:_LINES_SHOWN]),
            figure=f"{sum(entry['num_failures'] for entry in entries)}",
            target="none",
            met=not figures.failures,
        ),
        Row(
            what="locust kept up on its core",
            figure="no" if figures.was_too_busy else "yes",
            target="yes",
            met=not figures.was_too_busy,
        ),
        *(Row(what=entry["name"], ours=summary([entry])) for entry in entries),
    ]


def summary(entries: Iterable[Mapping[str, Any]]) -> str:
    """Of all of them together."""
    entries = list(entries)
    if not (count := sum(entry["num_requests"] for entry in entries)):
        return "none"
    middle, high, most = (quantile(entries, share) for share in (0.5, 0.95, 0.99))
    return f"median {middle} ms, p95 {high}, p99 {most}, {count:,} calls"


def quantile(entries: Iterable[Mapping[str, Any]], share: float) -> int:
    """The least that this share of the calls did not exceed, in milliseconds.

    Locust rounds: to the millisecond below 100, to ten of them below 1,000.
    """
    times = Counter[int]()
    for entry in entries:
        times.update({int(ms): count for ms, count in entry["response_times"].items()})
    left = share * times.total()
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return 0
