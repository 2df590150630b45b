"""Programs of Node.js in tests: their packages, by the lock beside them, and what they print."""

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.system_packages import missing, require

_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


class Ended(NamedTuple):
    """How a program ended, and what it printed until then."""

    code: int
    output: str


async def installed(source: Path, folder: Path) -> None:
    """Copies `source` into `folder`, with its packages. Skips the test without Node.js or those."""
    require("nodejs")
    require("npm")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    if (await ended(*_INSTALL, folder=folder)).code:
        where = source.relative_to(Path(__file__).parents[1])
        missing(f"needs the packages of {where}, which npm could not bring")


async def ended(*command: str, folder: Path) -> Ended:
    """Runs the command in `folder` to its end."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return Ended(process.returncode or 0, output.decode())
