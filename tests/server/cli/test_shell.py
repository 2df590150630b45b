"""The commands in the shell that somebody lives in, where everything is set for other programs.

One cluster lives through the tests in order. As root, the commands run as another user, for whom
the checkout is read-only.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from emporium import Emporium
from server.local.home.record import ClusterRecord, require_running
from server.local.process.child import launched
from tests.server.local.process.test_surroundings import HOSTILE, HOSTILE_SHELL

TIMEOUT_SECONDS = 90
OTHER_USER = "nobody"
# Files that stand for Python's own where the current folder comes first.
SHADOWS = ("random", "re", "json", "inspect", "typing", "asyncio")


@dataclass(frozen=True)
class Shell:
    """A shell in `folder`, with a home for a cluster."""

    folder: Path
    home: Path

    def emporium(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Runs `python -m server`, which puts the current folder first."""
        command = [sys.executable, "-m", "server", *words, "--home", str(self.home)]
        command = [sys.executable, "-I", "-c", HOSTILE_SHELL, *command]
        if os.geteuid() == 0:
            command = launched(command, user=OTHER_USER)
        given = {**HOSTILE, "LOG_LEVEL": "INFO", "PATH": os.environ["PATH"], "COLUMNS": "80"} | more
        del given["PYTHONHOME"]  # no Python would begin
        return subprocess.run(
            command,
            cwd=self.folder,
            env=given,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def up(self, *words: str, **more: str) -> ClusterRecord:
        """Starts the cluster."""
        ran = self.emporium("up", "--detach", *words, **more)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return require_running(self.home)

    def down(self) -> None:
        """Stops it."""
        ran = self.emporium("down")
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """In a folder of traps; the home has a name that needs quotes everywhere."""
    # Not in pytest's own folder, which other users may not enter.
    folder = Path(tempfile.mkdtemp(prefix="emporium-shell-"))
    folder.chmod(0o755)
    for name in SHADOWS:
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the current folder')\n")
    parent = folder / "a 'home' #1: {é} 店"
    parent.mkdir()
    if os.geteuid() == 0:
        shutil.chown(parent, OTHER_USER)
    made = Shell(folder, parent / "home")
    yield made
    made.emporium("down")
    shutil.rmtree(folder)


def signed_in(record: ClusterRecord) -> dict[str, str]:
    """The id of each demo login, as it signs in."""

    async def sign_in() -> dict[str, str]:
        async with Emporium(record.edge_url) as shop:
            for login in record.logins:
                await shop.auth.login(login.email, login.password)
        return {login.role: login.user_id for login in record.logins}

    return asyncio.run(sign_in())


def test_everything_starts_and_answers(shell: Shell) -> None:
    record = shell.up("--edge-port", "0", CORS_ORIGINS="https://shop.example")
    assert shell.emporium("status").returncode == 0
    seeded = shell.emporium("seed")
    assert "24 orders are there" in seeded.stdout, seeded.stderr
    assert signed_in(record).keys() == {"admin", "staff", "customer"}


def test_pages_of_the_named_origin_alone_may_call_the_edge(shell: Shell) -> None:
    url = f"{require_running(shell.home).edge_url}/api/v1/products"
    with httpx.Client() as browser:
        for origin, allowed in (("https://shop.example", True), ("http://localhost:3000", False)):
            answer = browser.get(url, headers={"origin": origin})
            assert answer.status_code == 200
            assert (answer.headers.get("access-control-allow-origin") == origin) == allowed


def test_no_process_of_the_cluster_has_heard_of_it(shell: Shell) -> None:
    record = require_running(shell.home)
    foreign = {name: text for name, text in HOSTILE.items() if text}
    for process in (record.supervisor, *record.processes):
        handle = psutil.Process(process.pid)
        if process.name != "postgres":  # which shows its own title where its environment was
            environment = handle.environ()
            assert environment["TZ"] == "UTC"
            assert not foreign.items() & environment.items(), process.name
        assert handle.cwd() != str(shell.folder)
        if sys.platform == "linux":  # other systems do not show another user's limits
            limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
            soft, hard, _ = next(line for line in limits if "open files" in line).split()[3:]
            assert soft == hard, process.name


def test_a_deleted_demo_login_stays_deleted_and_ports_are_kept(shell: Shell) -> None:
    before = require_running(shell.home)
    customer = next(login for login in before.logins if login.role == "customer")
    admin = next(login for login in before.logins if login.role == "admin")

    async def delete() -> None:
        async with Emporium(before.grpc) as shop:
            await shop.auth.login(admin.email, admin.password)
            await shop.users.delete(customer.user_id)

    asyncio.run(delete())
    shown = shell.emporium("up")  # which finds it running
    assert admin.email in shown.stdout
    assert customer.email not in shown.stdout
    shell.down()
    after = shell.up()
    left = {login.role: login.user_id for login in before.logins if login != customer}
    assert signed_in(after) == left
    assert "24 orders" not in shell.emporium("seed").stdout, "its share has no buyer"
    assert after.edge_url == before.edge_url
    assert (after.grpc, after.metrics) == (before.grpc, before.metrics)
    assert after.postgres["admin_dsn"] == before.postgres["admin_dsn"]
    assert after.mongodb_uri == before.mongodb_uri


def test_a_screen_of_80_columns_keeps_paths_apart_from_notes(shell: Shell) -> None:
    again = shell.emporium("up")
    assert again.returncode == 0, again.stderr
    home = next(line for line in again.stdout.splitlines() if line.startswith("  home "))
    assert home.endswith(str(shell.home))
    assert "\n               cluster.json holds all of this" in again.stdout


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABASE_URL", "sqlite:///hunter2"), ("MONGODB_URI", "redis://x"), ("LOG_LEVEL", "loud")],
)
def test_what_cannot_be_is_refused_at_once_by_name(shell: Shell, variable: str, value: str) -> None:
    ran = shell.emporium("up", "--detach", **{variable: value})
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"✗ {variable}")
    assert "from the environment" in ran.stderr
    assert "hunter2" not in ran.stderr


def test_reset_removes_a_home_that_does_not_run_and_nothing_that_is_not_its_own(
    shell: Shell,
) -> None:
    assert "already runs" in shell.emporium("reset", "--yes").stderr
    shell.down()
    assert shell.emporium("reset").returncode == 1, "nobody has said yes"
    assert (shell.home / "postgres").exists()
    kept = shell.home / "notes.txt"
    kept.touch()
    ran = shell.emporium("reset", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert "notes.txt" in ran.stdout
    assert list(shell.home.iterdir()) == [kept]
    kept.unlink()
    assert "is no home" in shell.emporium("reset", "--yes").stderr


def test_the_version_is_the_packages() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "server", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("emporium ")
