"""The tree says what it is: tests mirror the code, and the import walls name every subject."""

import tomllib
from pathlib import Path

import pytest

from server import services

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "server"
# What may stand in a service beside its subjects.
NO_SUBJECTS = {"events", "neighbours", "jobs", "migrations"}

SERVICES = sorted(service.name for service in services.SERVICES)
SUBJECTS = sorted(
    f"server.{folder.parent.name}.{folder.name}"
    for service in SERVICES
    for folder in (SERVER / service).iterdir()
    if (folder / "__init__.py").exists() and folder.name not in NO_SUBJECTS
)
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
WALLS = {contract["id"]: contract for contract in TOOLS["importlinter"]["contracts"]}
PROTOS = sorted((ROOT / "protos").rglob("*.proto"))
LINE_MAX = TOOLS["ruff"]["line-length"]


@pytest.mark.parametrize(
    "folder",
    sorted({file.parent for file in (ROOT / "tests" / "server").rglob("test_*.py")}),
    ids=lambda folder: str(folder.relative_to(ROOT)),
)
def test_tests_of_the_server_stand_where_the_code_stands(folder: Path) -> None:
    mirrored = SERVER / folder.relative_to(ROOT / "tests" / "server")
    assert mirrored.is_dir(), f"there is no {mirrored.relative_to(ROOT)}"


def test_services_do_not_know_each_other() -> None:
    assert sorted(WALLS["services"]["modules"]) == [f"server.{name}" for name in SERVICES]


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_layers_that_are_exhaustive(service: str) -> None:
    wall = WALLS[service]
    assert wall["containers"] == [f"server.{service}"]
    assert wall["exhaustive"]


def test_the_walls_of_subjects_name_every_subject() -> None:
    assert sorted(WALLS["subjects"]["containers"]) == SUBJECTS
    assert WALLS["subjects"]["exhaustive"]


@pytest.mark.parametrize("service", SERVICES)
def test_each_subject_has_a_folder_that_says_what_it_is(service: str) -> None:
    loose = [
        file.name
        for file in (SERVER / service).glob("*.py")
        if file.name not in {"__init__.py", "app.py"}
    ]
    assert loose == []


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_a_proto_is_as_wide_as_the_code(proto: Path) -> None:
    lines = proto.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > LINE_MAX] == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_a_wall_around_the_stubs_of_others(service: str) -> None:
    wall = WALLS[f"{service}-stubs"]
    assert wall["source_modules"] == [f"server.{service}.**"]
    assert wall["among"] == ["emporium.*.v1.**"]
    assert f"emporium.{service}.v1.**" in wall["allowed"]
