"""What reaches a process of what its caller's shell says: only what is on the lists."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.core
import typer.main

from server.cli.command_line import app
from server.local.process import surroundings
from server.local.process.child import Child, run_once
from server.settings import variables

# A variable of each kind that has reached in once, or could.
HOSTILE = {
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "PGSSLMODE": "require",
    "PGPASSWORD": "hunter2",
    "MONGO_INITDB_ROOT_PASSWORD": "hunter2",
    "PYTHONPATH": "/nonexistent",
    "PYTHONHOME": "/nonexistent",
    "LC_ALL": "tr_TR.UTF-8",
    "LC_NUMERIC": "de_DE",
    "LANG": "xx",
    "TZ": "Asia/Kathmandu",
    "HOME": "/nonexistent",
    "TMPDIR": "/nonexistent",
    "LD_PRELOAD": "",
    "GRPC_TRACE": "all",
    "MALLOC_ARENA_MAX": "1",
    "CLOUD_SECRET_ACCESS_KEY": "hunter2",
    "USER_DATABASE_PASSWORD": "hunter2",
}
TELL = """
import json, os, resource
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
umask = os.umask(0)
print(json.dumps([dict(os.environ), umask, os.getcwd(), limits[0] == limits[1]]))
"""
HOSTILE_SHELL = """
import json, os, resource, subprocess, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 128), hard))
os.umask(0o777)
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""
ENTERED = "from server.local.process import surroundings; surroundings.enter()\n" + TELL
ENTERED_AT = """
import json, os, sys
from pathlib import Path
from server.local.process import surroundings
surroundings.CHECKOUT = Path(sys.argv[1])
print(json.dumps([surroundings.enter(), dict(os.environ)]))
"""


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The surroundings of a person who has set everything for other programs."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOKEN_SECONDS", "60")
    monkeypatch.setenv("DATABASE_URL", "postgresql://admin:hunter2@db/postgres")


@pytest.mark.usefixtures("hostile")
async def test_a_child_gets_what_the_lists_name_and_nothing_else(tmp_path: Path) -> None:
    child = Child(name="child", command=[sys.executable, "-I", "-c", TELL], log_file=tmp_path / "l")
    await run_once(child)
    environment, umask, folder, has_all = json.loads((tmp_path / "l").read_text())
    assert set(environment) <= {*surroundings.EVERYWHERE, *surroundings.FIXED}
    assert surroundings.FIXED.items() <= environment.items()
    assert (umask, folder, has_all) == (0o022, "/", True)


@pytest.mark.usefixtures("hostile")
async def test_a_child_that_were_not_given_them_would_get_all_of_it(tmp_path: Path) -> None:
    tell = [sys.executable, "-I", "-c", TELL]
    child = Child(name="child", command=tell, log_file=tmp_path / "l", environment=os.environ)
    await run_once(child)
    environment, *_ = json.loads((tmp_path / "l").read_text())
    assert HOSTILE.items() <= environment.items()


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("made", [surroundings.for_service, surroundings.for_supervisor])
def test_services_and_supervisor_hear_of_settings_and_of_no_secret(made: object) -> None:
    assert callable(made)
    environment: dict[str, str] = made()
    assert environment["TOKEN_SECONDS"] == "60"
    assert "hunter2" not in "".join(environment.values())
    assert not set(HOSTILE) - set(surroundings.FIXED) & set(environment)


async def test_a_command_has_the_same_around_it_and_its_own_options(tmp_path: Path) -> None:
    given = {
        **HOSTILE,
        "PATH": "/usr/bin:/bin",
        "POSTGRES_PASSWORD": "an option's",
        "_EMPORIUM_COMPLETE": "a question of the shell",
    }
    for python_alone in ("PYTHONPATH", "PYTHONHOME"):
        del given[python_alone]  # they would end this test's own Python
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", HOSTILE_SHELL, sys.executable, "-P", "-c", ENTERED],
        env=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    environment, umask, _, has_all = json.loads(run.stdout)
    assert set(environment) == {
        *("PATH", "HOME", "POSTGRES_PASSWORD", "_EMPORIUM_COMPLETE"),
        *("http_proxy", "HTTPS_PROXY"),
        *({"LC_CTYPE"} & set(environment)),  # Python sets it where a locale is not there
        *({"USER_DATABASE_PASSWORD"} & variables()),
    }
    assert environment["HOME"] == "/"
    assert (umask, has_all) == (0o022, True)


async def test_the_file_of_the_checkout_counts_where_the_environment_says_nothing(
    tmp_path: Path,
) -> None:
    lines = ("LOG_LEVEL=debug", "TOKEN_SECONDS=5", "PATH=/evil", "USER_DATABASE_PASSWORD=x")
    (tmp_path / ".env").write_text("\n".join(lines), "utf-8")
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-c", ENTERED_AT, str(tmp_path)],
        env={"PATH": "/usr/bin:/bin", "TOKEN_SECONDS": "60"},
        capture_output=True,
        text=True,
        check=True,
    )
    warnings, environment = json.loads(run.stdout)
    assert environment["LOG_LEVEL"] == "debug"
    assert environment["TOKEN_SECONDS"] == "60"
    assert environment["PATH"] == "/usr/bin:/bin"
    assert "USER_DATABASE_PASSWORD" not in environment, "it is Compose's alone"
    (warning,) = warnings
    assert "line 3 does not count: there is no setting PATH" in warning


def test_the_options_of_the_commands_may_all_enter() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    options = [option for each in command.commands.values() for option in each.params]
    assert {str(option.envvar) for option in options if option.envvar} == set(surroundings.OPTIONS)
