"""sqlmap, which others wrote, on one parameter of one request."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.injection.requests import Request
from tests.campaign.programs import CORES, child, prepared

NAME = "sqlmap"
SECONDS_MAX = 120.0
# Levels are of 5, risks of 3. More of both repeat the payloads behind more prefixes.
LEVEL, RISK = 2, 3

_COMMAND = (
    *("--batch", "--disable-coloring", "--flush-session", "--ignore-proxy", "--ignore-stdin"),
    *("--dbms", "PostgreSQL", "--level", f"{LEVEL}", "--risk", f"{RISK}", "--time-sec", "2"),
    # A refusal is an answer as well, and what stands behind it is asked as often.
    *("--ignore-code", "*", "--skip-waf", "--timeout", "10", "--retries", "1"),
    # It stumbles over what ends its thousandth request on a connection, and over some of Brotli.
    "--no-keep-alive",
    *("-v", "3"),  # a line for each payload
)
_PLAIN = {"Accept-Encoding": "identity"}
# To what it asks: only what is marked is tried, and of a body without a mark nothing.
_MARKED_ALONE = ("other non-custom parameters found=N", "try URI injections=N")
_BODY_AS_IT_IS = "data found=N"
_TESTED = re.compile(r"testing for SQL injection on .*parameter '")
_FOUND = re.compile(r"^    Type: (.+)$", re.MULTILINE)
_FAULTS = re.compile(r"(5\d\d) \([^)]*\) - (\d+) times")
_SAID = re.compile(r"(\[(?:WARNING|ERROR|CRITICAL)\] .*)$", re.MULTILINE)
_NOTHING = "all tested parameters do not appear to be injectable"


@dataclass(frozen=True)
class Verdict:
    """What came of it."""

    payloads: int
    found: Sequence[str]  # the kinds of injection
    faults: Sequence[tuple[str, str]]  # the 5xx that were answered, and how often
    complete: bool  # the parameter was tried, with all that there is, in time
    last_line: str

    @property
    def is_clean(self) -> bool:
        """Nothing was found, and nothing broke."""
        return self.complete and not self.found and not self.faults


async def tried(request: Request, port: int, folder: Path) -> Verdict:
    """Has it try what is marked in the request to `port` of 127.0.0.1."""
    log = folder / "sqlmap.log"
    async with child(CORES, _command(request, port, folder), log, HOME=str(folder)) as process:
        with suppress(TimeoutError):  # what it has not said by then is missing from the verdict
            await asyncio.wait_for(process.wait(), SECONDS_MAX)
    return read(log.read_text("utf-8", "replace"))


def _command(request: Request, port: int, folder: Path) -> list[str]:
    headers = "\n".join(f"{name}: {text}" for name, text in {**_PLAIN, **request.headers}.items())
    command = [str(prepared(NAME)), *_COMMAND, "--output-dir", str(folder)]
    command += ["--url", f"http://127.0.0.1:{port}{request.target}", "--method", request.verb]
    command += ["--headers", headers]
    answers = [*_MARKED_ALONE]
    if request.body is not None:
        command += ["--data", request.body]
        if request.body == request.unmarked.body:
            answers.append(_BODY_AS_IT_IS)
    return [*command, "--answers", ",".join(answers)]


def read(output: str) -> Verdict:
    """What it has said."""
    found = _FOUND.findall(output)
    return Verdict(
        payloads=output.count("[PAYLOAD]"),
        found=list(dict.fromkeys(found)),
        faults=_FAULTS.findall(output),
        complete=len(_TESTED.findall(output)) == 1 and (bool(found) or _NOTHING in output),
        last_line=next(reversed(_SAID.findall(output)), ""),
    )
