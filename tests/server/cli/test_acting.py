"""Commands that act as the operator, in a cluster that asks all its staff for a second factor.

The demo logins have none, so that whoever signs in by their passwords is a customer.
"""

import asyncio
import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from emporium import Emporium, PermissionDenied, Unauthenticated
from server.importing.files import COLUMNS
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.acting import acting_as
from server.local.home.folder import Home
from server.local.home.record import ClusterRecord, require_running
from tests.server.cli.running import TIMEOUT_SECONDS, emporium, invoke

SALE = ("980001", "77001", "THING", 2, "2008-01-05 10:00:00", "1.50", 701, "UK")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster with `TOTP_REQUIRED_ROLES`."""
    folder = tmp_path_factory.mktemp("acting") / "home"
    words = ("up", "--home", str(folder), "--edge-port", "0", "--seed", "none", "--ephemeral")
    ran = subprocess.run(
        [sys.executable, "-m", "server", *words, "--detach"],
        env={**os.environ, "TOTP_REQUIRED_ROLES": "staff admin"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    yield folder
    emporium("down", "--home", str(folder))


async def change_password(record: ClusterRecord, role: str) -> None:
    """As the login's holder may."""
    login = next(each for each in record.logins if each.role == role)
    async with Emporium(record.grpc) as shop:
        await shop.auth.login(login.email, login.password)
        with pytest.raises(PermissionDenied):  # the control: a password is not enough
            await shop.audit.list().first_page()
        await shop.auth.change_password(login.password, "another horse")


def test_the_audit_log_is_read_without_a_password_or_a_second_factor(home: Path) -> None:
    asyncio.run(change_password(require_running(home), "admin"))
    listed = emporium("audit", "--home", str(home))
    assert listed.returncode == 0, listed.stderr
    assert "emporium.user.v1.AuthService/Login" in listed.stdout


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, SALE])
    return path


def test_an_import_takes_no_password_and_no_second_factor(home: Path, sales: Path) -> None:
    asyncio.run(change_password(require_running(home), "staff"))
    ran = emporium("import", str(sales), "--home", str(home))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("agrees") == 2


def test_sample_data_take_none_either(home: Path) -> None:
    ran = emporium("seed", "--home", str(home))
    assert ran.returncode == 0, ran.stderr
    assert "24 orders are there" in ran.stdout


@pytest.mark.parametrize("words", [("audit",), ("seed",), ("import", "FILE")], ids=lambda w: w[0])
def test_a_refusal_is_a_sentence(
    home: Path, sales: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    monkeypatch.setattr("server.local.home.acting.OPERATOR", nobody)
    sent = [str(sales) if word == "FILE" else word for word in words]
    refused = invoke(*sent, "--home", str(home)).exception
    assert isinstance(refused, LocalError)
    assert "the account was deleted or disabled" in refused.problem


async def enrol(record: ClusterRecord, email: str, password: str) -> None:
    """Adds the second factor, without which an admin here is not one who can act."""
    async with Emporium(record.grpc) as shop:
        await shop.auth.login(email, password)
        begun = await shop.auth.begin_totp(password)
        await shop.auth.confirm_totp(pyotp.TOTP(begun.secret).now())


async def end_demo_logins(record: ClusterRecord) -> None:
    """Deletes the demo admin and suspends the others, by the hand of the operator."""
    ids = {login.role: login.user_id for login in record.logins}
    async with Emporium(record.grpc, token=acting_as(record, "admin")) as shop:
        await shop.users.suspend(ids["staff"])
        await shop.users.suspend(ids["customer"])
        await shop.users.delete(ids["admin"])
    token = keys.token(Home(Path(record.home), Path(record.data)), ids["admin"], "admin", 60)
    async with Emporium(record.grpc, token=token) as shop:
        with pytest.raises(Unauthenticated):  # the control: as the demo admin it is over
            await shop.audit.list().first_page()


def test_what_becomes_of_the_demo_logins_changes_nothing(
    home: Path, sales: Path, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    named = ("--email", "eve@shop.example", "--name", "Eve", "--password-file", str(password))
    made = emporium("admin", "create", *named, "--home", str(home))
    assert made.returncode == 0, made.stderr
    asyncio.run(enrol(require_running(home), "eve@shop.example", "correct horse"))
    asyncio.run(end_demo_logins(require_running(home)))
    listed = emporium("audit", "--actor", "operator", "--home", str(home))
    assert "emporium.user.v1.UserService/DeleteUser" in listed.stdout, listed.stderr
    imported = emporium("import", str(sales), "--home", str(home))
    assert imported.returncode == 0, imported.stdout + imported.stderr
    seeded = emporium("seed", "--home", str(home))
    assert seeded.returncode == 0, seeded.stderr
