"""Proofs of the suite at length: tests that take `effort`, with a campaign's seed and its time."""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.programs import CORES, child

_LINES_SHOWN = 12
_SUMMARY = re.compile(r"^\d+ (?:passed|failed).*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """Tests, and how many times as much as usual they try in the campaign's own time."""

    tests: Sequence[str]
    effort: float
    size: float = 1.0  # and how many times as many at once


async def proved(setting: Setting, parts: Mapping[str, Part], minutes: float) -> list[Row]:
    """A row for each proof that is chosen; `minutes` are the campaign's own."""
    rows = []
    for name in setting.chosen([*parts]):
        with setting.console.status(name):
            rows.append(await _proved(name, parts[name], setting, minutes))
        setting.console.print(f"{name}: {rows[-1].ours}")
    return rows


async def _proved(name: str, part: Part, setting: Setting, minutes: float) -> Row:
    log = setting.folder / f"{name}.log"
    effort = part.effort * setting.minutes / minutes
    began = time.monotonic()
    size = setting.size or part.size
    options = [f"--seed={setting.seed}", f"--effort={effort:g}", f"--size={size:g}"]
    options += [f"--from-round={setting.first}"] if setting.first else []
    code = await _tested(part.tests, options, log)
    output = log.read_text("utf-8", "replace")
    summary = _SUMMARY.findall(output)
    return Row(
        what=f"{name}, {effort:g} times as much as in the suite, {size:g} times as many at once",
        ours="\n".join(summary if code == 0 else output.splitlines()[-_LINES_SHOWN:]),
        figure=f"{time.monotonic() - began:.0f} s",
        target="no failure",
        met=code == 0,
    )


async def _tested(tests: Sequence[str], options: Sequence[str], log: Path) -> int:
    command = [sys.executable, "-m", "pytest", *tests, *options, "-q", "--no-cov", "--timeout=3600"]
    async with child(CORES, command, log) as process:
        return await process.wait()
