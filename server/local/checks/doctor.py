"""Examines this machine for what the cluster needs."""

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

from server.local.engines import binaries
from server.local.engines.postgres import UNPRIVILEGED_USER
from server.local.errors import LocalError
from server.local.home.folder import RAM_DISK, Home, require_room
from server.local.home.plan import DEFAULT_EDGE_PORT, plan
from server.local.home.record import read
from server.local.process.remedies import mend_for

PYTHON_MIN = (3, 11)
PROGRAM_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at. What is only `worth knowing` stops nothing but an option."""

    state: Literal["well", "worth knowing", "wrong"]
    text: str
    mend: str = ""


def examine(home: Home) -> list[Finding]:
    """Everything worth a look before `emporium up` in `home`."""
    return [
        _python(),
        _program("PostgreSQL", lambda: binaries.postgres_folder() / "postgres"),
        _program("MongoDB", binaries.mongod),
        _program("Envoy", binaries.envoy),
        *_user(),
        _ports(home),
        _disk(home),
        _ram_disk(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        wanted = ".".join(map(str, PYTHON_MIN))
        return Finding("wrong", f"Python {version}", f"Install Python {wanted} or newer.")
    return Finding("well", f"Python {version} on {platform.system()} {platform.machine()}")


def _program(name: str, find: Callable[[], Path]) -> Finding:
    """Runs the program, because only that shows whether its libraries are there."""
    try:
        program = find()
    except LocalError as error:
        return Finding("wrong", f"{name}: {error.problem}", error.mend)
    try:
        ran = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("wrong", f"{name}: {program} does not run: {error}", "Install it again.")
    said = (ran.stdout + ran.stderr).strip().splitlines()
    if ran.returncode != 0:
        mend = mend_for(said) or "Install it again."
        return Finding("wrong", f"{name}: {program} does not run: {said[-1:]}", mend)
    version = next((line for line in said if "version" in line or name in line), said[0])
    return Finding("well", f"{name}: {version.strip().removeprefix(str(program)).strip()}")


def _user() -> Iterator[Finding]:
    """As root, PostgreSQL runs as somebody else, who must exist."""
    if os.geteuid() != 0:
        return
    try:
        pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        yield Finding(
            "wrong",
            f"running as root, without a user {UNPRIVILEGED_USER} to run PostgreSQL as",
            "Run as an ordinary user.",
        )
    else:
        yield Finding("well", f"running as root; PostgreSQL will run as {UNPRIVILEGED_USER}")


def _ports(home: Home) -> Finding:
    record = read(home)
    if record is not None and record.is_alive:
        return Finding("well", f"ports: a cluster runs in {home.directory}")
    try:
        plan(DEFAULT_EDGE_PORT)
    except LocalError as error:
        return Finding("worth knowing", error.problem, error.mend)
    return Finding("well", f"ports: {DEFAULT_EDGE_PORT} and the other well-known ones are free")


def _disk(home: Home) -> Finding:
    folder = next(each for each in (home.directory, *home.directory.parents) if each.exists())
    if not os.access(folder, os.W_OK):
        return Finding("wrong", f"{folder} may not be written", "Choose another --home.")
    try:
        require_room(folder, "Free some space, or choose another --home.")
    except LocalError as error:
        return Finding("wrong", error.problem, error.mend)
    return Finding("well", f"disk: {_gigabytes(folder)} GB free in {folder}")


def _ram_disk() -> Finding:
    """Only --ephemeral wants one."""
    if not RAM_DISK.is_dir():
        return Finding("worth knowing", f"no RAM disk at {RAM_DISK}", "Do without --ephemeral.")
    try:
        require_room(RAM_DISK, "Give it more room, or do without --ephemeral.")
    except LocalError as error:
        return Finding("worth knowing", error.problem, error.mend)
    return Finding("well", f"RAM disk: {_gigabytes(RAM_DISK)} GB free in {RAM_DISK}")


def _gigabytes(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 1024**3:.1f}"
