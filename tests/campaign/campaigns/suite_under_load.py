"""Whether the test command passes however slow the machine is.

`make test` runs twice while a loop keeps each core busy, and once on a single core. The parts are
paths of tests, such as `tests/server/kit`; then these alone run, without the checks and coverage.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from tests.bench.report import Row
from tests.bench.tree import CHECKOUT
from tests.campaign.campaign import Setting, UnknownPart
from tests.campaign.programs import CORES, child

MINUTES = 120.0
# pytest's short summary: `FAILED tests/test_make.py::test_x - why`.
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_LINES_SHOWN = 5
# Ends by itself when whoever started it is gone, however that came about.
_BUSY = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(10**6):
        pass
"""


async def run(setting: Setting) -> list[Row]:
    """Three runs."""
    for part in setting.only:
        if not (CHECKOUT / part.partition("::")[0]).exists():
            raise UnknownPart(f"there are no tests in {part}")
    rows = []
    for n, (name, cores, is_busy) in enumerate(
        (
            ("under a busy loop on each core", CORES, True),
            ("under a busy loop on each core, again", CORES, True),
            ("on one core", CORES[:1], False),
        )
    ):
        log = setting.folder / f"{n}.log"
        with setting.console.status(name):
            async with _busy(cores) if is_busy else nullcontext():
                rows.append(await _tested(name, cores, setting.only, log))
        setting.console.print(f"{name}: {rows[-1].ours}")
    return rows


async def _tested(name: str, cores: Sequence[int], only: Sequence[str], log: Path) -> Row:
    began = time.monotonic()
    code = await _to_its_end(cores, only, log)
    output = await asyncio.to_thread(log.read_text, "utf-8", "replace")
    failed = sorted(set(_FAILED.findall(output)))
    last = output.splitlines()[-_LINES_SHOWN:] if code and not failed else []
    return Row(
        what=f"make test {name}",
        ours="\n".join(failed or last) or "all passed",
        figure=f"{time.monotonic() - began:.0f} s",
        target="no failure",
        met=code == 0,
    )


async def _to_its_end(cores: Sequence[int], only: Sequence[str], log: Path) -> int:
    command = ["make", "--no-print-directory"]
    command += ["tests", f"ARGS=--no-cov {' '.join(only)}"] if only else ["test"]
    async with child(cores, command, log) as process:
        return await process.wait()


@asynccontextmanager
async def _busy(cores: Sequence[int]) -> AsyncIterator[None]:
    """A loop on each core while the block runs."""
    async with asyncio.TaskGroup() as group:
        over = asyncio.Event()

        async def spin(core: int) -> None:
            async with child([core], [sys.executable, "-c", _BUSY], Path(os.devnull)):
                await over.wait()

        for core in cores:
            group.create_task(spin(core))
        try:
            yield
        finally:
            over.set()
