"""`python -m server`, the one door."""

import re
import subprocess
import sys

import pytest

from server.services import SERVICES


def server(*arguments: str, python: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """Runs the door with settings that no service can use."""
    return subprocess.run(
        [sys.executable, *python, "-m", "server", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"GRPC_PORT": "tea", "PATH": "/usr/bin:/bin"},
    )


@pytest.mark.parametrize("service", [each.name for each in SERVICES])
def test_a_service_starts_without_loading_what_only_the_command_line_needs(service: str) -> None:
    said = server(service, python=("-X", "importtime")).stderr
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert any(re.fullmatch(rf"server\.{service}\.\w+\.service", name) for name in loaded)
    # Python also reports what it was asked for in vain, as structlog asks for rich, and httpx for
    # rich.console. With that would come rich.segment.
    assert not loaded & {"typer", "rich.segment", "alembic", "sqlalchemy"}


def test_a_service_without_usable_settings_says_so_in_one_line() -> None:
    ran = server("user")
    assert ran.returncode == 1
    assert "GRPC_PORT must be a whole number from 0 to 65535" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_anything_else_is_the_command_lines() -> None:
    ran = server("--help")
    assert ran.returncode == 0
    assert "doctor" in ran.stdout
