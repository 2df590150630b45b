"""Canaries: whatever the environment's settings hold, the commands and their logs repeat none."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server import settings
from server.cli.command_line import app
from server.local.process.surroundings import OPTIONS

CANARY = "canary7c1f"
TIMEOUT_SECONDS = 90
# A home is where a person is told to look.
NAMES = sorted({*OPTIONS, *settings.variables()} - {"EMPORIUM_HOME"})
POSTGRES = f"postgresql://{CANARY}:{CANARY}@127.0.0.1:1/{CANARY}"
VALUES = (
    *(CANARY, f"{CANARY}={CANARY}", POSTGRES, f"postgresql://a:{CANARY}@b:{CANARY}/"),
    *(f"mongodb://{CANARY}", f"https://{CANARY}/path"),
)
# Of what a service is told, what the cluster itself does not decide.
TAKEN = {"JWKS_FILE": CANARY, "MONGODB_DATABASE": CANARY}


def said(*words: str, **environment: str) -> tuple[int, str]:
    """The exit code, and what `emporium` writes in a shell with `environment`."""
    ran = subprocess.run(
        [sys.executable, "-m", "server", *words],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", **environment},
    )
    return ran.returncode, ran.stdout + ran.stderr


def repeated_in(folder: Path) -> list[str]:
    return [
        f"{file.name}: {line}"
        for file in folder.rglob("*.log")
        for line in file.read_text(errors="replace").splitlines()
        if CANARY in line
    ]


@pytest.mark.parametrize("name", NAMES)
def test_up_and_migrate_refuse_a_value_without_repeating_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = importlib.import_module("server.cli.up")  # its package holds a function of that name
    migrate = importlib.import_module("server.cli.migrate")
    monkeypatch.setattr(up, "become_supervisor", lambda options: None)
    monkeypatch.setattr(migrate, "done", lambda work: work.close() or {})
    for command in ("up", "migrate"):
        for value in VALUES:
            monkeypatch.setenv(name, value)
            ran = CliRunner().invoke(app, [command, "--home", str(tmp_path)])
            assert CANARY not in f"{ran.output} {ran.exception}"


def test_doctor_repeats_none(tmp_path: Path) -> None:
    # A secret and its file at once would be refused before the doctor looks at anything.
    names = {*NAMES} - {f"{name}_FILE" for name in NAMES}
    _, told = said("doctor", "--home", str(tmp_path), **dict.fromkeys(names, CANARY))
    assert "Python" in told
    assert CANARY not in told


@pytest.mark.parametrize(
    "urls",
    [
        {"DATABASE_URL": POSTGRES},
        {"DATABASE_URL": f"postgresql://a:{CANARY}@b:{CANARY}/"},
        {"POSTGRES_HOST": f"{CANARY}.invalid", "POSTGRES_PASSWORD": CANARY},
        {"MONGODB_URI": f"mongodb://{CANARY}:{CANARY}@127.0.0.1:1{CANARY}/"},
        {"MONGODB_URI": f"mongodb://a/?{CANARY}=1&serverSelectionTimeoutMS=100"},
    ],
    ids=" ".join,
)
def test_up_does_not_start_and_repeats_none(tmp_path: Path, urls: dict[str, str]) -> None:
    words = ("--detach", "--ephemeral", "--edge-port", "0", "--home", str(tmp_path))
    code, told = said("up", *words, **urls)
    assert code == 1
    assert any(name.partition("_")[0] in told.upper() for name in urls), "it is said what is wrong"
    assert CANARY not in told
    assert repeated_in(tmp_path) == []


def test_up_starts_and_repeats_none(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    try:
        words = ("--detach", "--ephemeral", "--edge-port", "0", "--seed", "none")
        code, told = said("up", *words, *home, **TAKEN)
        assert code == 0, told
        assert CANARY not in told
        assert len(list(tmp_path.rglob("*.log"))) > 4, "there are logs to look into"
        assert repeated_in(tmp_path) == []
    finally:
        said("down", *home)
