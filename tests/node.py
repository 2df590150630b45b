"""Programs of Node.js in tests: their packages, by the lock beside them, and what they print."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.system_packages import missing, require

Ignore = Callable[[Any, list[str]], set[str]]  # as of `shutil.ignore_patterns`

_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


class Ended(NamedTuple):
    """How a program ended, and what it printed until then."""

    code: int
    output: str


async def installed(source: Path, folder: Path, but: Ignore | None = None) -> None:
    """Copies `source` into `folder`, with its packages, where these are not there yet.

    Skips the test without Node.js, as new as the package asks for, and where npm cannot bring them.
    """
    require("nodejs")
    require("npm")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=but)
    oldest = json.loads((folder / "package.json").read_text()).get("engines", {}).get("node", ">=0")
    has = (await ended("node", "--version", folder=folder)).output.strip()
    if _numbers(has) < _numbers(oldest):
        missing(f"needs Node.js {oldest}, and node is {has}")
    lock = (folder / "package-lock.json").read_text()
    locked = folder / "node_modules" / ".installed"
    if locked.exists() and locked.read_text() == lock:
        return
    if (await ended(*_INSTALL, folder=folder)).code:
        where = source.relative_to(Path(__file__).parents[1])
        missing(f"needs the packages of {where}, which npm could not bring")
    locked.write_text(lock)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


async def ended(*command: str, folder: Path) -> Ended:
    """Runs the command in `folder` to its end."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Ended(process.returncode or 0, output.decode())
