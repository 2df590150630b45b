"""Checks this machine for what the cluster needs."""

import os
import platform
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.local.checks import limits
from server.local.engines import binaries
from server.local.engines.envoy import CONNECTIONS_MAX
from server.local.engines.postgres import UNPRIVILEGED_USER
from server.local.errors import LocalError
from server.local.home.folder import RAM_DISK, Home, read_private, require_space
from server.local.home.integrity import damages
from server.local.home.plan import plan
from server.local.home.record import read
from server.local.process.remedies import remedy_for
from server.local.process.surroundings import for_program

PYTHON_MIN = (3, 11)
PROGRAM_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """The result of one check. A `warning` concerns an option only."""

    state: Literal["ok", "warning", "error"]
    text: str
    remedy: str = ""


def examine(home: Home) -> list[Finding]:
    """All checks to make before `emporium up` in `home`."""
    return [
        _python(),
        _program("PostgreSQL", lambda: binaries.postgres_folder() / "postgres"),
        _program("MongoDB", binaries.mongod),
        _program("Envoy", binaries.envoy),
        *_user(),
        *_damage(home),
        _ports(home),
        _disk(home),
        _ram_disk(),
        *_limits(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        return Finding("error", f"Python {version}", f"Install Python {wanted} or newer.")
    return Finding("ok", f"Python {version} on {platform.system()} {platform.machine()}")


def _program(name: str, find: Callable[[], Path]) -> Finding:
    """Runs the program, because only that shows whether its libraries are installed."""
    try:
        program = find()
    except LocalError as error:
        return Finding("error", f"{name}: {error.problem}", error.remedy)
    try:
        ran = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_SECONDS,
            check=False,
            env=for_program(),
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("error", f"{name}: {program} does not run: {error}", "Install it again.")
    output = (ran.stdout + ran.stderr).strip().splitlines()
    if ran.returncode != 0:
        remedy = remedy_for(output) or "Install it again."
        return Finding("error", f"{name}: {program} does not run: {output[-1:]}", remedy)
    version = next((line for line in output if "version" in line or name in line), output[0])
    return Finding("ok", f"{name}: {version.strip().removeprefix(str(program)).strip()}")


def _user() -> Iterator[Finding]:
    """As root, PostgreSQL runs as another user, who must exist."""
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        yield Finding(
            "error",
            f"running as root, without a user {UNPRIVILEGED_USER} to run PostgreSQL as",
            "Run as an ordinary user.",
        )
    else:
        yield Finding("ok", f"running as root; PostgreSQL will run as {UNPRIVILEGED_USER}")


def _damage(home: Home) -> Iterator[Finding]:
    for damage in damages(home):
        yield Finding("error", damage.problem, damage.remedy)


def _ports(home: Home) -> Finding:
    record = read(home)
    if record is not None and record.is_alive:
        return Finding("ok", f"ports: a cluster runs in {home.directory}")
    try:
        chosen = plan(None, kept=read_private(home.directory / "ports.json"))
    except (LocalError, ValueError) as error:
        return Finding("warning", str(error), getattr(error, "remedy", ""))
    return Finding("ok", f"ports: {chosen.edge} and those of the other parts are free")


def _disk(home: Home) -> Finding:
    folder = next(each for each in (home.directory, *home.directory.parents) if each.exists())
    if not os.access(folder, os.W_OK):
        return Finding("error", f"{folder} may not be written", "Choose another --home.")
    try:
        require_space(folder, "Free some space, or choose another --home.")
    except LocalError as error:
        return Finding("error", error.problem, error.remedy)
    return Finding("ok", f"disk: {_gigabytes(folder)} GB free in {folder}")


def _ram_disk() -> Finding:
    """Only --ephemeral needs one."""
    if not RAM_DISK.is_dir():
        return Finding("warning", f"no RAM disk at {RAM_DISK}", "Run without --ephemeral.")
    try:
        require_space(RAM_DISK, "Make it larger, or run without --ephemeral.")
    except LocalError as error:
        return Finding("warning", error.problem, error.remedy)
    return Finding("ok", f"RAM disk: {_gigabytes(RAM_DISK)} GB free in {RAM_DISK}")


def _gigabytes(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 1024**3:.1f}"


def _limits() -> Iterator[Finding]:
    found = limits.shortages()
    for each in found:
        yield Finding("warning", each.problem, each.remedy)
    if not found:
        yield Finding("ok", f"open files: enough for {CONNECTIONS_MAX} connections")
