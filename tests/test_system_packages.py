"""The list of system packages, on a machine whose commands are all made in the test."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system_packages import SCRIPT, require

LIST = """
# A comment, and an empty line.

python3-venv  module:ensurepip    setup
libblue1      library:libblue.so  setup      # why
red-tools     command:red         bench
green         command:green       bench,test # two words
"""
# What apt-get does here: it tells what it is asked, and brings the program `red` and nothing else.
APT_GET = """#!/bin/sh
echo "$@" >> "${0%/*}/asked"
case "$*" in *install*red-tools) printf '#!/bin/sh' > "${0%/*}/red"; chmod +x "${0%/*}/red" ;; esac
"""


@dataclass
class Machine:
    """Its folder of commands, which is all of its PATH, and a copy of the script with `LIST`."""

    bin: Path
    script: Path

    def has_command(self, name: str, text: str = "#!/bin/sh\n") -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", self.script, *words],
            env={"PATH": str(self.bin), "PYTHON": sys.executable, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        """What apt-get was asked for, without its options."""
        file = self.bin / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [" ".join(w for w in line.split() if not w.startswith("-")) for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Linux whose user is root, with apt-get, without any of the packages but python3-venv."""
    made = Machine(tmp_path / "bin", tmp_path / SCRIPT.name)
    made.bin.mkdir()
    shutil.copy(SCRIPT, made.script)
    (tmp_path / "system-packages.txt").write_text(LIST)
    for program in ("sh", "dirname", "grep", "chmod"):
        (made.bin / program).symlink_to(shutil.which(program) or program)
    made.has_command("uname", "#!/bin/sh\necho Linux\n")
    made.has_command("id", "#!/bin/sh\necho 0\n")
    made.has_command("ldconfig", "#!/bin/sh\necho libother.so\n")
    made.has_command("apt-get", APT_GET)
    return made


def test_a_word_whose_packages_are_there_installs_nothing_and_says_nothing(
    machine: Machine,
) -> None:
    machine.has_command("ldconfig", "#!/bin/sh\necho 'libblue.so (libc6) => /lib/libblue.so'\n")
    ran = machine.run("need", "setup")
    assert (ran.returncode, ran.stdout + ran.stderr, machine.asked) == (0, "", [])


def test_what_is_missing_is_announced_in_one_line_and_installed(machine: Machine) -> None:
    machine.has_command("green")
    ran = machine.run("need", "bench")
    assert ran.returncode == 0
    assert ran.stderr.splitlines() == [
        "make bench needs, as root: apt-get install --yes --no-install-recommends red-tools"
    ]
    assert machine.asked == ["update", "install red-tools"]


def test_a_package_that_cannot_be_had_stops_the_word_and_keeps_no_other_away(
    machine: Machine,
) -> None:
    ran = machine.run("need", "bench")
    assert ran.returncode != 0
    assert ran.stderr.endswith("make bench: still not there: green\n")
    assert machine.run("has", "red-tools").returncode == 0


@pytest.mark.parametrize("reason", ["asked not to", "not root", "no apt-get"])
def test_where_it_may_not_install_it_prints_that_line_and_stops(
    machine: Machine, reason: str
) -> None:
    if reason == "not root":
        machine.has_command("id", "#!/bin/sh\necho 1000\n")
    if reason == "no apt-get":
        (machine.bin / "apt-get").unlink()
    environment = {"SYSTEM_PACKAGES": "no"} if reason == "asked not to" else {}
    ran = machine.run("need", "setup", **environment)
    assert ran.returncode != 0
    assert ran.stderr.splitlines() == [
        "make setup needs, as root: apt-get install --yes --no-install-recommends libblue1"
    ]
    assert machine.asked == []


def test_tests_go_on_without_what_only_some_of_them_need(machine: Machine) -> None:
    ran = machine.run("need", "test", SYSTEM_PACKAGES="no")
    assert ran.returncode == 0
    assert "green" in ran.stderr


def test_other_systems_than_linux_need_no_libraries(machine: Machine) -> None:
    machine.has_command("uname", "#!/bin/sh\necho Darwin\n")
    assert machine.run("need", "setup", SYSTEM_PACKAGES="no").returncode == 0


def test_a_python_without_its_module_is_noticed(machine: Machine) -> None:
    machine.has_command("python-alone", "#!/bin/sh\nexit 1\n")
    ran = machine.run("need", "setup", PYTHON="python-alone", SYSTEM_PACKAGES="no")
    assert "python3-venv" in ran.stderr


def test_a_test_that_needs_a_package_runs_where_it_is(machine: Machine, on_machine: None) -> None:
    machine.has_command("green")
    require("green", machine.script)


def test_a_test_that_needs_a_missing_package_is_skipped_by_name(
    machine: Machine, on_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs the system package green"):
        require("green", machine.script)


def test_in_ci_a_test_that_needs_a_missing_package_fails(
    machine: Machine, on_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs the system package green"):
        require("green", machine.script)


def test_a_test_may_need_only_what_is_listed(machine: Machine, on_machine: None) -> None:
    with pytest.raises(LookupError, match="purple"):
        require("purple", machine.script)


@pytest.fixture
def on_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself runs on `machine`."""
    monkeypatch.setenv("PATH", str(machine.bin), prepend=os.pathsep)


def test_every_line_of_the_real_list_says_how_who_and_why() -> None:
    lines = SCRIPT.with_suffix(".txt").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert listed
    for line in listed:
        facts, _, reason = line.partition("#")
        _, probe, words = facts.split()
        assert probe.partition(":")[0] in ("command", "library", "module"), line
        assert set(words.split(",")) <= {"setup", "bench", "test", "campaign"}, line
        assert reason.strip(), line
