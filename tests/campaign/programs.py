"""Programs that a campaign runs, such as the tests themselves."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.tree import CHECKOUT

CORES = sorted(os.sched_getaffinity(0))
_STOP_SECONDS = 60.0


def prepared(name: str) -> Path:
    """A program of the dependency group `campaign`, which `make campaign` installs."""
    return Path(sys.prefix, "campaign", "bin", name)


@asynccontextmanager
async def child(
    cores: Sequence[int], command: Sequence[str], log: Path, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program on these cores; ended with the block, and all that it has started.

    `more` are environment variables.
    """
    # What make tells a make below it: the words of `make campaign` are not for that one.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            "taskset", "--cpu-list", ",".join(map(str, cores)), *command,
            cwd=CHECKOUT,
            env=environment | more,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    for sign in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        os.killpg(process.pid, sign)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            continue
