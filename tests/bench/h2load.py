"""Drives one request over and over with h2load, which costs the load core next to nothing."""

import asyncio
import re
import shutil
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.message import Message

from tests.bench.compare import Run
from tests.bench.machine import LOAD_CORE, cpu_seconds
from tests.bench.stage import Running

CONNECTIONS = 4
STREAMS = 25  # calls under way on each connection
_PATIENCE_SECONDS = 60.0


class LoadFailed(Exception):
    """The answers were not what they should have been, so the figures would mean nothing."""


@dataclass(frozen=True)
class Load:
    """A request to repeat. `answer_bytes` is the body of a good answer, by which it is known."""

    url: str
    headers: Sequence[str]
    answer_bytes: int
    pids: Sequence[int]  # whose CPU time is counted
    body_file: Path | None = None

    async def run(self, calls: int) -> Run:
        """`calls` answers; raises `LoadFailed` when one of them is not a good one."""
        before = sum(map(cpu_seconds, self.pids))
        output = await _h2load(self._arguments(calls))
        used = sum(map(cpu_seconds, self.pids)) - before
        rate = re.search(r"finished in [\d.]+m?s, ([\d.]+) req/s", output)
        status = re.search(r"status codes: (\d+) 2xx", output)
        data = re.search(r"\((\d+)\) data$", output, re.MULTILINE)
        if not (rate and status and data):
            raise LoadFailed(output)
        if (int(status[1]), int(data[1])) != (calls, calls * self.answer_bytes):
            raise LoadFailed(f"{self.url}: not all of {calls} calls were answered well\n{output}")
        return Run(float(rate[1]), used / calls * 1e6)

    def with_token(self, authorization: str) -> "Load":
        """The same, by somebody who is signed in."""
        return replace(self, headers=[*self.headers, f"authorization: {authorization}"])

    def _arguments(self, calls: int) -> list[str]:
        options = [f"-n{calls}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-t1"]
        if self.body_file:
            options.append(f"-d{self.body_file}")
        for header in self.headers:
            options += ["-H", header]
        return [*options, self.url]


def grpc_load(
    server: Running, method: str, request: Message, answer: Message, folder: Path
) -> Load:
    """The unary call `method` (`/package.Service/Method`) of `server`, again and again."""
    body_file = folder / f"{method.rpartition('/')[2]}.body"
    body_file.write_bytes(framed(request.SerializeToString()))
    return Load(
        f"http://127.0.0.1:{server.port}{method}",
        ["content-type: application/grpc", "te: trailers"],
        len(framed(answer.SerializeToString())),
        (server.pid,),
        body_file,
    )


def framed(message: bytes) -> bytes:
    """`message` as gRPC puts it into a body."""
    return struct.pack(">BI", 0, len(message)) + message


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
        async with asyncio.timeout(_PATIENCE_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise LoadFailed(output.decode())
    return output.decode()
