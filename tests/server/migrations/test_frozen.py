"""Migrations and versions of the kit's tables: once recorded, they never change."""

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from server.migrations import __main__ as command_line
from server.migrations import frozen

FOLDERS = list(frozen.folders(frozen.SERVER))
# The contract of steps, whose meaning is as frozen as they are.
MAY_IMPORT = {"server.kit.mongo.migrate.Target"}


def test_every_migration_and_every_table_is_recorded_and_as_it_was() -> None:
    assert frozen.differences(FOLDERS) == []


def test_every_service_with_migrations_is_found() -> None:
    """By what Alembic and MongoDB's runner need, whatever `folders` looks for."""
    histories = {path.parent for path in frozen.SERVER.rglob("versions")} | {
        path for path in frozen.SERVER.rglob("mongo") if path.parent.name == "migrations"
    }
    assert histories
    assert histories <= set(FOLDERS)


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: str(folder.relative_to(frozen.SERVER))
)
def test_a_frozen_file_imports_nothing_of_ours(folder: Path) -> None:
    for path in frozen.files(folder):
        if path.suffix == ".py":
            assert imported(path) <= MAY_IMPORT, path


def imported(path: Path) -> set[str]:
    """What of this project a module imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.partition(".")[0] in {"server", "emporium"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service's migrations, of which one is recorded."""
    folder = tmp_path / "stock" / "migrations" / "postgres"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text("first")
    (folder / "versions" / "0001_create_stock.py").write_text("first")
    assert frozen.record(folder) == ["versions/0001_create_stock.py"]
    return folder


def test_a_new_file_must_be_recorded_and_is_then_frozen(folder: Path) -> None:
    assert frozen.differences([folder]) == []
    path = folder / "versions" / "0002_add_place.py"
    path.write_text("second")
    (difference,) = frozen.differences([folder])
    assert difference.startswith(f"not recorded: {path}")
    assert frozen.record(folder) == ["versions/0002_add_place.py"]
    assert frozen.differences([folder]) == []
    assert frozen.record(folder) == []


def test_a_recorded_file_that_changes_is_found_and_never_recorded_again(folder: Path) -> None:
    path = folder / "versions" / "0001_create_stock.py"
    path.write_text("changed")
    (difference,) = frozen.differences([folder])
    assert difference.startswith(f"changed: {path}")
    with pytest.raises(frozen.FrozenError, match="0001_create_stock"):
        frozen.record(folder)


def test_a_recorded_file_that_is_gone_is_found(folder: Path) -> None:
    path = folder / "versions" / "0001_create_stock.py"
    path.rename(path.with_name("0001_create_stocks.py"))
    gone, new = frozen.differences([folder])
    assert gone.startswith(f"gone: {path}")
    assert new.startswith("not recorded: ")
    with pytest.raises(frozen.FrozenError, match="0001_create_stock"):
        frozen.record(folder)


def test_what_is_no_migration_may_change(folder: Path) -> None:
    (folder / "env.py").write_text("changed")
    assert frozen.differences([folder]) == []


def test_sha256sum_reads_the_checksums_too(folder: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "checksums.txt"], cwd=folder, check=True)


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`python -m server.migrations` with these arguments, in a tree that has but one service."""
    server = folder.parents[2]
    (server / "kit" / "postgres" / "tables").mkdir(parents=True)
    monkeypatch.setattr(frozen, "SERVER", server)

    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["migrations", *arguments])
        command_line.main()

    return run


def test_the_command_records_what_is_new(
    folder: Path, command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "versions" / "0002_add_place.py"
    path.write_text("second")
    with pytest.raises(SystemExit, match="not recorded"):
        command("--check")
    command()
    assert capsys.readouterr().out == f"recorded: {path}\n"
    with pytest.raises(SystemExit) as checked:
        command("--check")
    assert checked.value.code is None
    command()
    assert capsys.readouterr().out == ""


def test_the_command_refuses_what_changed(folder: Path, command: Callable[..., None]) -> None:
    (folder / "versions" / "0001_create_stock.py").write_text("changed")
    for arguments in ([], ["--check"]):
        with pytest.raises(SystemExit, match="0001_create_stock"):
            command(*arguments)
