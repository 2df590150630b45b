"""What a test says that needs a program which pip cannot bring."""

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

SCRIPT = Path(__file__).parents[1] / "deploy" / "system-packages.sh"
NOT_LISTED = 2


def require(package: str, script: Path = SCRIPT) -> None:
    """Skips the test that runs where `package`, by Debian's name, is not; fails it if CI=true.

    CI prepares its machine, so there a test that did not run is a check that was lost. Raises
    `LookupError` when `deploy/system-packages.txt` does not list `package`.
    """
    found = subprocess.run(["sh", script, "has", package], check=False).returncode
    if found == 0:
        return
    if found == NOT_LISTED:
        raise LookupError(f"{package} is not listed in {script.with_suffix('.txt')}")
    missing(f"needs the system package {package}")


def missing(reason: str) -> NoReturn:
    """Skips the running test because the machine lacks something; fails it if CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
