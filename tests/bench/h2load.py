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
    """GETs of the URLs in a file, one a line; POSTs where there is a body."""

    urls: Path
    headers: Sequence[str]
    status: str = "2xx"  # of every answer
    http1: bool = False  # then each call under way has a connection of its own
    body: Path | None = None  # of every call

    async def rate(self, calls: int) -> float:
        """How many a second are answered; raises `LoadFailed` when one has another status."""
        output = await _h2load(self._arguments(calls))
        rate = re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", output)
        good = re.search(rf"status codes: .*?(\d+) {self.status}", output)
        if not (rate and good and int(good[1]) == calls):
            raise LoadFailed(f"{self.urls}: not all of {calls} calls were answered well\n{output}")
        return float(rate[1])

    async def seconds(self, calls: int, rate: float | None = None) -> list[float]:
        """How long each call took, as `rate` otherwise; with `rate`, so many are made a second."""
        log = self.urls.with_suffix(".log")
        log.unlink(missing_ok=True)
        output = await _h2load([*self._arguments(calls, rate), f"--log-file={log}"])
        answers = [line.split("\t") for line in log.read_text("ascii").splitlines()]
        good = [answer for answer in answers if answer[1][0] == self.status[0]]
        if len(good) != calls:
            raise LoadFailed(f"{self.urls}: not all of {calls} calls were answered well\n{output}")
        return [int(answer[2]) / 1e6 for answer in good]

    def _arguments(self, calls: int, rate: float | None = None) -> list[str]:
        options = [f"-n{calls}", "-t1", f"-i{self.urls}"]
        if self.body:
            options.append(f"-d{self.body}")
        if rate:
            options += ["-c1", f"-m{CONNECTIONS * STREAMS}", f"--rps={rate:g}"]
        elif self.http1:
            options += ["--h1", f"-c{min(calls, CONNECTIONS * STREAMS)}", "-m1"]
        else:
            options += [f"-c{CONNECTIONS}", f"-m{STREAMS}"]
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
