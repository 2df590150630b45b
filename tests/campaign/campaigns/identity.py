"""Whether accounts, sessions and access hold under attack: the proofs of the suite, at length.

The parts are these proofs. Each is run as a test, with the campaign's seed and with as much effort
as the time allows: half of it for the refresh races and the journeys.
"""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.programs import CORES, child

MINUTES = 40.0
_LINES_SHOWN = 12
_SUMMARY = re.compile(r"^\d+ (?:passed|failed).*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """Tests, and how many times as much as usual they try in the campaign's own time."""

    tests: Sequence[str]
    effort: float


PARTS = {
    "tokens": Part(["tests/envoy/test_every_method.py"], 40),
    "access": Part(["tests/server/kit/call/test_every_rule.py", "tests/e2e/test_access.py"], 10),
    "fields": Part(["tests/e2e/test_mass_assignment.py"], 40),
    "races": Part(["tests/e2e/test_refresh_races.py"], 100),
    "journeys": Part(["tests/server/user/test_journeys.py"], 60),
}


async def run(setting: Setting) -> list[Row]:
    """A row for each proof."""
    rows = []
    for name in setting.chosen([*PARTS]):
        with setting.console.status(name):
            rows.append(await _proved(name, setting))
        setting.console.print(f"{name}: {rows[-1].ours}")
    return rows


async def _proved(name: str, setting: Setting) -> Row:
    part, log = PARTS[name], setting.folder / f"{name}.log"
    effort = part.effort * setting.minutes / MINUTES
    began = time.monotonic()
    code = await _tested(part.tests, [f"--seed={setting.seed}", f"--effort={effort:g}"], log)
    output = log.read_text("utf-8", "replace")
    summary = _SUMMARY.findall(output)
    return Row(
        what=f"{name}, {effort:g} times as much as in the suite",
        ours="\n".join(summary if code == 0 else output.splitlines()[-_LINES_SHOWN:]),
        figure=f"{time.monotonic() - began:.0f} s",
        target="no failure",
        met=code == 0,
    )


async def _tested(tests: Sequence[str], options: Sequence[str], log: Path) -> int:
    command = [sys.executable, "-m", "pytest", *tests, *options, "-q", "--no-cov", "--timeout=3600"]
    async with child(CORES, command, log) as process:
        return await process.wait()
