"""Asks for many pages with h2load, which costs the load core next to nothing."""

import asyncio
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import LOAD_CORE

CONNECTIONS = 4
STREAMS = 25  # calls under way on each connection
_TIMEOUT_SECONDS = 60.0


class LoadFailed(Exception):
    """The answers were not what they should have been, so the figures would mean nothing."""


@dataclass(frozen=True)
class Load:
    """GETs of the URLs in a file, one a line, over HTTP/2."""

    urls: Path
    headers: Sequence[str]

    async def rate(self, calls: int) -> float:
        """How many a second are answered; raises `LoadFailed` when one answer is not a 2xx."""
        output = await _h2load(self._arguments(calls))
        rate = re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", output)
        good = re.search(r"status codes: (\d+) 2xx", output)
        if not (rate and good and int(good[1]) == calls):
            raise LoadFailed(f"{self.urls}: not all of {calls} calls were answered well\n{output}")
        return float(rate[1])

    def _arguments(self, calls: int) -> list[str]:
        options = [f"-n{calls}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-t1", f"-i{self.urls}"]
        for header in self.headers:
            options += ["-H", header]
        return options


async def _h2load(arguments: list[str]) -> str:
    program = shutil.which("h2load")
    if program is None:
        sys.exit("bench: h2load is missing; install nghttp2-client (Debian's name for it)")
    process = await asyncio.create_subprocess_exec(
        "taskset",
        "-c",
        str(LOAD_CORE),
        program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise LoadFailed(output.decode())
    return output.decode()
