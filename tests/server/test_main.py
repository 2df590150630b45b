"""`python -m server`, the one door."""

import subprocess
import sys

import pytest

WITHOUT_THE_COMMAND_LINE = """
import sys
from unittest.mock import patch
import server.{service}.app as app
sys.argv = ["server", "{service}"]
with patch.object(app, "main", lambda: 7):
    from server.__main__ import main
    assert main() == 7
loaded = [name for name in ("typer", "rich", "alembic") if sys.modules.get(name)]
assert not loaded, loaded
"""


@pytest.mark.parametrize("service", ["user", "order", "analytics"])
def test_a_service_starts_without_loading_what_only_the_command_line_needs(service: str) -> None:
    code = WITHOUT_THE_COMMAND_LINE.format(service=service)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_a_service_without_usable_settings_says_so_in_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "server", "user"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"GRPC_PORT": "tea", "PATH": "/usr/bin:/bin"},
    )
    assert ran.returncode == 1
    assert "GRPC_PORT='tea'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_anything_else_is_the_command_lines() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "server", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert "doctor" in ran.stdout
