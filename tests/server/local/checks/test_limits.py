"""The limits that a shell may set, beyond which nothing can go."""

import resource
from pathlib import Path

import pytest

from server.local.checks import limits
from server.local.checks.doctor import examine
from server.local.engines.envoy import CONNECTIONS_MAX, FILES_BESIDES
from server.local.home.folder import Home

ENOUGH = CONNECTIONS_MAX + FILES_BESIDES


@pytest.mark.parametrize(
    ("files", "warned"),
    [(1_024, True), (ENOUGH - 1, True), (ENOUGH, False), (resource.RLIM_INFINITY, False)],
)
def test_few_files_are_a_warning(files: int, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, files))
    said = "".join(f"{each.problem} {each.remedy}" for each in limits.shortages())
    assert ("ulimit -Hn" in said) == warned
    assert (str(ENOUGH) in said) == warned


@pytest.mark.parametrize("files", [1_024, ENOUGH])
def test_doctor_tells_of_files_once(
    files: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, files))
    told = [each for each in examine(Home.at(tmp_path)) if "connections" in each.text]
    assert [each.state for each in told] == ["ok" if files == ENOUGH else "warning"]
