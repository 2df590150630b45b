"""Processes that a killed supervisor left running, and others with a reused pid."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.local.errors import LocalError
from server.local.home import orphans
from server.local.home.folder import Home
from server.local.home.record import ClusterRecord, read, require_running
from server.local.process.identity import ProcessRecord, start_of


@pytest.fixture
def sleeper() -> Iterator[ProcessRecord]:
    """A process as a record of it was written down."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield ProcessRecord("sleeper", process.pid, start_of(process.pid))
        process.kill()


def record_of(home: Home, process: ProcessRecord) -> ClusterRecord:
    return ClusterRecord(
        home=str(home.directory),
        started_at="2026-01-01T00:00:00+00:00",
        state="ready",
        supervisor=ProcessRecord("supervisor", 1, "long ago"),
        processes=[process],
        data=str(home.data),
    )


def test_an_orphan_is_ended_and_the_record_removed(tmp_path: Path, sleeper: ProcessRecord) -> None:
    home = Home.at(tmp_path)
    record_of(home, sleeper).write(home)
    assert orphans.end_all(home) == ["sleeper"]
    assert not sleeper.is_alive
    assert read(home) is None


def test_a_process_with_a_reused_pid_is_left_alone(tmp_path: Path, sleeper: ProcessRecord) -> None:
    home = Home.at(tmp_path)
    record_of(home, replace(sleeper, started="another time")).write(home)
    assert orphans.end_all(home) == []
    assert sleeper.is_alive


def test_nothing_is_left_to_do_in_a_home_without_a_record(tmp_path: Path) -> None:
    assert orphans.end_all(Home.at(tmp_path)) == []


def test_a_cluster_counts_as_running_only_while_its_supervisor_does(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    with pytest.raises(LocalError, match="there is no home"):
        require_running(tmp_path)
    home.logs.mkdir()
    with pytest.raises(LocalError, match="no cluster runs"):
        require_running(tmp_path)
    record = record_of(home, ProcessRecord("x", 0, ""))
    record.write(home)
    with pytest.raises(LocalError, match="no cluster runs"):
        require_running(tmp_path)
    record.supervisor = ProcessRecord("supervisor", os.getpid(), start_of(os.getpid()))
    record.write(home)
    assert require_running(tmp_path) == record


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{")
    with pytest.raises(LocalError, match="cannot be read"):
        read(Home.at(tmp_path))
