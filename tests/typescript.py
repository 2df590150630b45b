"""The TypeScript client in tests: built from this checkout, and scripts that call by it."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.node import Ended, ended, installed

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "clients" / "typescript"
IMAGE = ROOT / "protos" / "emporium.binpb"
CALLERS = Path(__file__).parent / "clients" / "typescript" / "callers"
# Kept between runs, for the packages in it.
BUILT = ROOT / "build" / "typescript"
_MADE = ("dist", "node_modules")


class Calls(NamedTuple):
    """A client to make, and the calls to make by it, one after the other."""

    targets: str | Mapping[str, str]
    calls: Sequence[
        tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Mapping[str, Any]]
    ]
    entry: str = "@emporium/client"
    options: Mapping[str, Any] = {}


async def built() -> Path:
    """Builds the client, and the example of the README with it. Gives the folder of the package."""
    for path in BUILT.iterdir() if BUILT.exists() else ():
        if path.name not in _MADE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    await installed(SOURCE, BUILT, but=shutil.ignore_patterns(*_MADE, "gen"))
    shutil.rmtree(BUILT / "dist", ignore_errors=True)
    (BUILT / "example").mkdir()
    (BUILT / "example" / "readme.ts").write_text(example())
    shutil.copytree(CALLERS, BUILT / CALLERS.name)
    for step in (("node", "scripts/generate.js", str(IMAGE)), ("node_modules/.bin/tsc",)):
        done = await ended(*step, folder=BUILT)
        assert done.code == 0, done.output
    return BUILT


def example() -> str:
    """What the README shows of the client."""
    section = (ROOT / "README.md").read_text().partition("\n## TypeScript\n")[2]
    found = re.search(r"^    .*\n(?:(?:    .*)?\n)*", section, re.MULTILINE)
    assert found
    return re.sub(r"^    ", "", found[0].strip("\n"), flags=re.MULTILINE) + "\n"


async def called(package: Path, calls: Calls) -> list[Any]:
    """What came of each call: `{"answer": ...}` or `{"error": ...}`, in a process of their own."""
    done = await run(package, f"{CALLERS.name}/node.js", json.dumps(calls._asdict()))
    assert done.code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


async def run(package: Path, script: str, *arguments: str) -> Ended:
    """Runs a script of the package to its end."""
    return await ended("node", script, *arguments, folder=package)
