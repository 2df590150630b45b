"""Secrets that come from files, for services and for the operators' commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import secret_files, settings
from server.secret_files import SecretFileError, revealed
from server.settings import SettingsError
from tests.server.test_settings import CHOICES

CANARY = "canary7c1f"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that holds a secret, for its owner alone."""
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_text(f"{CANARY}\n")
    return file


@pytest.mark.parametrize("name", settings.SECRETS)
def test_each_secret_setting_may_stand_in_a_file(name: str, secret: Path) -> None:
    text, value = CHOICES[name.lower()]
    secret.write_text(f"{text}\n")
    read = settings.read({f"{name}_FILE": str(secret)})
    found = [
        getattr(concern, name.lower())
        for concern in (read.postgres, read.mongo, read.mail, read.shop)
        if hasattr(concern, name.lower())
    ]
    assert found == [value]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_line_end_at_the_files_end_is_no_part_of_the_secret(secret: Path, end: str) -> None:
    secret.write_bytes(f" {CANARY}\n{end}".encode())
    assert revealed({"X_FILE": str(secret)}, ["X"])["X"] == f" {CANARY}" + ("\n" if end else "")


def test_an_empty_variable_counts_as_not_set(secret: Path) -> None:
    assert revealed({"X": CANARY, "X_FILE": ""}, ["X"])["X"] == CANARY
    assert revealed({"X": "", "X_FILE": str(secret)}, ["X"])["X"] == CANARY


def test_what_is_set_both_ways_is_refused(secret: Path) -> None:
    with pytest.raises(SecretFileError, match="X and X_FILE are both set"):
        revealed({"X": CANARY, "X_FILE": str(secret)}, ["X"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "must hold 1 to"),
        (b"\n", "must hold 1 to"),
        (b"a" * 65_537, "must hold 1 to"),
        (b"a\0b", "must hold 1 to"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_file_of_no_use_is_refused(secret: Path, content: bytes, reason: str) -> None:
    secret.write_bytes(content)
    with pytest.raises(SettingsError, match=f"SMTP_URL_FILE.*{reason}"):
        settings.read({"SMTP_URL_FILE": str(secret)})


def test_a_file_that_is_not_there_is_named_by_its_variable_alone(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read({"SMTP_URL_FILE": str(tmp_path / CANARY)})
    assert "SMTP_URL_FILE" in str(refused.value)
    assert "No such file" in str(refused.value)
    assert CANARY not in str(refused.value)


def test_what_others_can_read_is_a_warning_and_what_they_can_change_is_refused(
    secret: Path,
) -> None:
    environment = {"X_FILE": str(secret)}
    assert secret_files.warnings(environment, ["X"]) == []
    secret.chmod(0o444)
    (warning,) = secret_files.warnings(environment, ["X"])
    assert "X_FILE" in warning
    assert revealed(environment, ["X"])["X"] == CANARY
    secret.chmod(0o602)
    with pytest.raises(SecretFileError, match="everybody can change"):
        revealed(environment, ["X"])


@pytest.mark.parametrize("content", ["postgresql://a:b@127.0.0.1:1/d", f"sqlite://{CANARY}"])
def test_a_command_reads_its_secrets_from_files_and_repeats_none(
    secret: Path, tmp_path: Path, content: str
) -> None:
    secret.write_text(content)
    secret.chmod(0o644)
    ran = subprocess.run(
        [sys.executable, "-m", "server", "migrate", "--home", str(tmp_path / "home")],
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", "DATABASE_URL_FILE": str(secret)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    expected = (
        "cannot be reached" if content.startswith("postgresql") else "DATABASE_URL must begin"
    )
    assert expected in ran.stderr
    assert "everybody on this machine can read the file that DATABASE_URL_FILE names" in ran.stderr
    assert CANARY not in ran.stderr


def test_a_command_says_which_file_it_cannot_read(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "server", "status"],
        env={"PATH": os.environ["PATH"], "MONGODB_URI_FILE": str(tmp_path / CANARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "MONGODB_URI_FILE" in ran.stderr
    assert CANARY not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_service_warns_of_secrets_and_keys_that_others_can_read(secret: Path) -> None:
    private = secret.with_name("private")
    private.touch(0o600)
    secret.chmod(0o644)
    ran = subprocess.run(
        [sys.executable, "-m", "server", "user"],
        env={
            "PATH": os.environ["PATH"],
            "SIGNING_KEY_FILE": str(secret),
            "TLS_KEY_FILE": str(private),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    warned = [line for line in ran.stderr.splitlines() if "warning" in line]
    assert [line.partition("file that ")[2].split()[0] for line in warned] == ["SIGNING_KEY_FILE"]
    assert CANARY not in ran.stdout + ran.stderr
