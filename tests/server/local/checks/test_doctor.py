"""What `emporium doctor` finds."""

from pathlib import Path

import pytest

from server.local.checks import doctor
from server.local.checks.doctor import Finding, examine
from server.local.engines import binaries
from server.local.errors import LocalError
from server.local.home import folder as homes
from server.local.home.folder import Home


def only(findings: list[Finding], text: str) -> Finding:
    (found,) = (finding for finding in findings if text in finding.text)
    return found


def test_a_machine_that_runs_these_tests_lacks_nothing(tmp_path: Path) -> None:
    findings = examine(Home.at(tmp_path / "home"))
    assert {finding.state for finding in findings} <= {"ok", "warning"}
    assert "18." in only(findings, "PostgreSQL: ").text


def test_a_missing_library_is_reported_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "mongod"
    broken.write_text(
        "#!/bin/sh\n"
        "echo 'error while loading shared libraries: libcurl.so.4: cannot open' >&2; exit 127\n"
    )
    broken.chmod(0o755)
    monkeypatch.setattr(binaries, "mongod", lambda: broken)
    finding = only(examine(Home.at(tmp_path)), "MongoDB")
    assert finding.state == "error"
    assert "libcurl4" in finding.remedy


def test_a_missing_program_is_reported_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_package_folder", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = examine(Home.at(tmp_path))
    for name in ("PostgreSQL", "MongoDB", "Envoy"):
        finding = only(findings, f"{name}: ")
        assert finding.state == "error"
        assert "emporium[local]" in finding.remedy


def test_a_full_disk_is_an_error_and_a_full_ram_disk_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "SPACE_BYTES_MIN", 1 << 62)
    findings = examine(Home.at(tmp_path))
    assert only(findings, str(tmp_path)).state == "error"
    assert only(findings, str(homes.RAM_DISK)).state == "warning"


def test_a_port_in_use_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(edge_port: int | None, kept: object) -> None:
        raise LocalError("port 8080 is in use", "Choose another.")

    monkeypatch.setattr(doctor, "plan", refuse)
    finding = only(examine(Home.at(tmp_path)), "port 8080")
    assert (finding.state, finding.remedy) == ("warning", "Choose another.")


def test_programs_on_path_come_before_the_wheels_only_for_mongod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mongod", "envoy"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.mongod() == tmp_path / "mongod"
    assert binaries.envoy() != tmp_path / "envoy"
