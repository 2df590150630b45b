"""`make` on a machine whose Python is too old, or is not there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.local.checks.doctor import PYTHON_MIN

ROOT = Path(__file__).parents[1]
# Answers as a Python 3.10 would: it fails the comparison, and says its version when asked to.
OLD_PYTHON = """#!/bin/sh
case "$2" in *version_info*print*|*print*version_info*) echo 3.10.12 ;; *) exit 1 ;; esac
"""


def make(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs `make` in a checkout that has never been set up."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    (folder / "protos").mkdir()
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("word", ["setup", "up", "test", "check"])
def test_an_old_python_is_refused_before_anything_is_made(tmp_path: Path, word: str) -> None:
    old = tmp_path / "python3.10"
    old.write_text(OLD_PYTHON)
    old.chmod(0o755)
    ran = make(tmp_path, word, f"PYTHON={old}")
    assert ran.returncode != 0
    wanted = ".".join(map(str, PYTHON_MIN))
    said = f"make: Python {wanted} or newer is needed, and '{old}' is 3.10.12"
    assert ran.stderr.startswith(f"{said}; name another: make PYTHON=python{wanted}\n")
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = make(tmp_path, "setup", "PYTHON=nonesuch")
    assert "'nonesuch' is not there" in ran.stderr


def test_the_doctor_and_the_package_want_the_same_python() -> None:
    wanted = re.search(
        r'^requires-python = ">=([0-9.]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert wanted
    assert tuple(map(int, wanted[1].split("."))) == PYTHON_MIN
