"""The operators' commands, on one detached cluster that lives through them in order."""

import asyncio
import itertools
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from emporium import Emporium
from emporium.__main__ import main as console_script
from emporium.type.v1.role_pb2 import Role
from server.cli.command_line import run
from server.local.errors import LocalError
from server.local.home.folder import Home
from server.local.home.orphans import await_end
from server.local.home.record import ClusterRecord, require_running
from server.local.process.identity import ProcessRecord
from tests.server.cli.running import TIMEOUT_SECONDS, emporium, invoke

DEAD_EVENT = "0190b0a0-0000-7000-8000-00000000dead"
# A dead letter, of a destination that no relay works for, with its event.
DEAD_LETTER = f"""
    INSERT INTO outbox_destinations (name) VALUES ('nowhere');
    INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload,
                        occurred_at)
    VALUES ('{DEAD_EVENT}', 'user', '{DEAD_EVENT}', 1, 'emporium.user.v1.UserCreated', '', now());
    INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, error)
    VALUES ('nowhere', '{DEAD_EVENT}', '{DEAD_EVENT}', 'DEAD', 1, 'refused');
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster that was started with `--detach`; its screen is in the file `screen`."""
    folder = tmp_path_factory.mktemp("cli") / "home"
    ran = invoke("up", "--home", str(folder), "--edge-port", "0", "--detach")
    assert ran.exit_code == 0, ran.output
    (folder / "screen").write_text(ran.output)
    yield folder
    emporium("down", "--home", str(folder))


def everything_of(record: ClusterRecord) -> list[ProcessRecord]:
    return [record.supervisor, *record.processes]


def test_the_screen_shows_where_everything_is_and_when_it_was_ready(home: Path) -> None:
    screen, record = (home / "screen").read_text(), require_running(home)
    assert re.search(r"Emporium is ready in \d+\.\d s", screen)
    assert record.edge_url in screen
    for login in record.logins:
        assert f"{login.email}" in screen
        assert login.password in screen


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not list what is mapped")
def test_the_supervisor_has_loaded_no_driver_nor_other_heavy_library(home: Path) -> None:
    pid = require_running(home).supervisor.pid
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert "/site-packages/psutil/" in mapped, "it is listed what packages are loaded"
    for package in ("asyncpg", "bson", "cryptography", "grpc", "google", "pydantic", "sqlalchemy"):
        assert f"/site-packages/{package}" not in mapped


def test_the_three_commands_of_the_screen_work_as_they_stand(home: Path) -> None:
    screen = (home / "screen").read_text()
    commands = screen.partition("\nTry\n")[2].partition("\nStop it")[0]
    ran = subprocess.run(
        ["bash", "-e"],
        input=commands,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert '"status":"success"' in ran.stdout, "curl"
    assert '"orders": [' in ran.stdout, "grpcurl"
    assert "Page(" in ran.stdout, "Python"


def test_status_shows_that_all_is_healthy(home: Path) -> None:
    shown = invoke("status", "--home", str(home))
    assert shown.exit_code == 0, shown.output
    assert "postgres" in shown.output
    output = json.loads(invoke("status", "--home", str(home), "--json").output)
    assert output["well"] is True
    assert output["health"] == {"user": True, "order": True, "analytics": True, "edge": True}
    assert all(process["alive"] for process in output["processes"])
    assert output["dead_letters"] == 0


def test_dead_letters_are_shown_sent_again_and_dropped(home: Path) -> None:
    asyncio.run(execute(require_running(home).postgres["user"], DEAD_LETTER))
    shown = invoke("status", "--home", str(home))
    assert shown.exit_code == 0, "they wait for an operator; the cluster is healthy"
    assert "dead letters: 1" in shown.output
    assert "emporium dead-letters" in shown.output

    listed = invoke("dead-letters", "list", "--home", str(home))
    assert f"user to nowhere  {DEAD_EVENT}" in listed.output
    again = invoke("dead-letters", "replay", DEAD_EVENT, "--home", str(home))
    assert "1 dead letters will be sent again" in again.output
    assert "no dead letters" in invoke("dead-letters", "list", "--home", str(home)).output

    for words in (("skip", "nowhere", DEAD_EVENT), ("replay", DEAD_EVENT)):
        missing = invoke("dead-letters", *words, "--home", str(home))
        assert isinstance(missing.exception, LocalError)
        assert f"there is no dead letter {DEAD_EVENT}" in str(missing.exception)
    unreadable = invoke("dead-letters", "replay", "everything", "--home", str(home))
    assert "'everything' is not the id of an event" in str(unreadable.exception)


def test_an_admin_is_made_in_the_running_cluster_and_in_a_postgresql_by_its_url(
    home: Path, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    password.chmod(0o600)
    record = require_running(home)
    elsewhere = ("--home", str(tmp_path / "none"), "--database-url", record.postgres["admin_dsn"])
    for email, where in (
        ("one@example.com", ("--home", str(home))),
        ("two@example.com", elsewhere),
    ):
        words = ("--email", email, "--name", "Ada Two", "--password-file", str(password))
        made = invoke("admin", "create", *words, *where)
        assert made.exit_code == 0, made.output
        assert f"{email} is an admin" in made.output
        asyncio.run(require_admin(record, email))
        again = invoke("admin", "create", *words, *where)
        assert isinstance(again.exception, LocalError)
        assert "another account has this e-mail" in str(again.exception)
        removed = invoke("admin", "remove-totp", "--email", email, *where)
        assert f"{email} has no second factor" in removed.output
    unknown = invoke("admin", "remove-totp", "--email", "x@example.com", *elsewhere)
    assert str(unknown.exception) == "no account has this e-mail"  # where no status helps


def test_the_audit_log_is_listed_with_filters(home: Path) -> None:
    invoke("audit", "--home", str(home))  # an admin's reading, which is kept
    reading = ("--action", "emporium.user.v1.AuditService/ListAuditEvents", "--outcome", "ok")
    while "no records" in (listed := invoke("audit", "--home", str(home), *reading).output):
        pass  # records are stored a moment after the call
    line = listed.splitlines()[0]
    assert "(admin)  emporium.user.v1.AuditService/ListAuditEvents  OK" in line
    assert len(invoke("audit", "--home", str(home), "--limit", "1").output.splitlines()) == 1
    none = invoke("audit", "--home", str(home), "--before", "2000-01-01")
    assert none.output == "no records\n"
    for option, said in (
        ("--outcome", "must be ok, or the reason of an error"),
        ("--subject", "must be the id of an account"),
        ("--before", "must be "),
    ):
        refused = invoke("audit", "--home", str(home), option, "fine")
        assert isinstance(refused.exception, LocalError)
        assert str(refused.exception).startswith(f"{option} {said}")


async def require_admin(record: ClusterRecord, email: str) -> None:
    """Raises unless that account signs in, and does what admins do."""
    async with Emporium(record.edge_url.removeprefix("http://")) as shop:
        await shop.auth.login(email, "correct horse")
        assert (await shop.users.list(email=email).first_page()).items[0].role == Role.ADMIN


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_asking_for_what_runs_already_shows_it_and_changes_nothing(home: Path) -> None:
    before = require_running(home)
    again = emporium("up", "--home", str(home), "--edge-port", "0", "--detach")
    assert again.returncode == 0, again.stderr
    assert "already runs" in again.stdout
    assert require_running(home) == before


def test_seed_and_migrate_find_nothing_more_to_do(home: Path) -> None:
    seeded = invoke("seed", "--home", str(home))
    assert "9 users, 12 products, 24 orders are there" in seeded.output
    migrated = invoke("migrate", "--home", str(home))
    assert migrated.exit_code == 0, migrated.output
    assert migrated.output.count("up to date") == 4


def test_the_doctor_sees_the_running_cluster(home: Path) -> None:
    examined = invoke("doctor", "--home", str(home))
    assert examined.exit_code == 0, examined.output
    assert "a cluster runs in" in examined.output


def test_no_process_survives_a_killed_supervisor_and_the_next_up_finds_the_data(
    home: Path,
) -> None:
    before = require_running(home)
    psutil.Process(before.supervisor.pid).kill()
    assert await_end(everything_of(before), 20)
    assert "no cluster runs" in str(invoke("status", "--home", str(home)).exception)

    again = emporium("up", "--home", str(home), "--edge-port", "0", "--detach")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already there" in again.stdout, "the sample data"
    assert require_running(home).logins == before.logins


def test_down_ends_everything_and_may_be_asked_again(home: Path) -> None:
    record = require_running(home)
    assert invoke("down", "--home", str(home)).output == "Stopped.\n"
    assert not any(process.is_alive for process in everything_of(record))
    assert "Nothing runs" in invoke("down", "--home", str(home)).output


def test_migrate_starts_the_homes_own_databases_when_no_cluster_runs(home: Path) -> None:
    migrated = invoke("migrate", "--home", str(home), "--database-password", "user=chosen")
    assert migrated.exit_code == 0, migrated.output
    assert "emporium_user in PostgreSQL: migrated" in migrated.output, "the role has a new password"
    assert Home.at(home).secret("emporium_user") == "chosen"


def test_migrate_says_what_became_of_each_database_and_nothing_else(tmp_path: Path) -> None:
    ran = emporium("migrate", "--home", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 4
    assert all(re.fullmatch(r"\w+ in \w+: [a-z ]+", line) for line in ran.stdout.splitlines())


def test_a_port_in_use_is_reported_with_its_remedy_and_nothing_runs(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        ran = invoke("up", "--home", str(tmp_path), "--edge-port", port, "--detach")
    assert isinstance(ran.exception, LocalError)
    assert f"port {port}, wanted for the edge, is in use by" in ran.exception.problem
    assert "choose another --edge-port" in ran.exception.remedy
    assert not (tmp_path / "cluster.json").exists()


def test_ctrl_c_stops_everything_in_the_foreground(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emporium", "up", "--home", str(tmp_path)]
    command += ["--edge-port", "0", "--ephemeral", "--seed", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        screen = list(
            itertools.takewhile(lambda line: "Ctrl-C stops it" not in line, running.stdout)
        )
        record = require_running(tmp_path)
        assert record.supervisor.pid == running.pid, "the command has become the supervisor"
        running.send_signal(signal.SIGINT)
        stopping, _ = running.communicate(timeout=TIMEOUT_SECONDS)
    assert running.returncode == 0, stopping
    assert any("Emporium is ready" in line for line in screen)
    assert "stopped" in stopping
    assert not any(process.is_alive for process in record.processes)
    assert not Path(record.data).exists()


def test_an_error_is_shown_with_its_remedy_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["emporium", "status", "--home", str(tmp_path)])
    assert run() == 1
    output = capsys.readouterr().err
    assert "there is no home in" in output
    assert "emporium up" in output
    assert "Traceback" not in output


def test_ctrl_c_while_modules_are_loaded_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.util.find_spec", interrupted)
    assert console_script() == 130
    assert capsys.readouterr().err == ""
