"""Commands that act as a demo login, in a cluster that asks all its staff for a second factor.

The logins have none, so that whoever signs in by their passwords is a customer.
"""

import asyncio
import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emporium import Emporium, PermissionDenied
from server.importing.files import COLUMNS
from server.local.home.record import ClusterRecord, require_running
from tests.server.cli.running import TIMEOUT_SECONDS, emporium

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


def test_an_import_takes_no_password_and_no_second_factor(home: Path, tmp_path: Path) -> None:
    asyncio.run(change_password(require_running(home), "staff"))
    sales = tmp_path / "sales.csv"
    with sales.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, SALE])
    ran = emporium("import", str(sales), "--home", str(home))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("agrees") == 2


def test_sample_data_take_none_either(home: Path) -> None:
    ran = emporium("seed", "--home", str(home))
    assert ran.returncode == 0, ran.stderr
    assert "24 orders are there" in ran.stdout
