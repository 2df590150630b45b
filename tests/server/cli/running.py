"""Runs the `emporium` command."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from server.cli.command_line import app

TIMEOUT_SECONDS = 90


def emporium(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command as a shell would, without a terminal."""
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment,
    )


def invoke(*arguments: str) -> Result:
    """Runs a command inside this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["emporium", *arguments])
        return CliRunner().invoke(app, arguments)
