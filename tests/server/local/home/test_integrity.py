"""What has gone from a home is named before anything fails for want of it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.command_line import app
from server.local.cluster import Cluster
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home
from server.local.home.integrity import damages, require_whole
from server.local.options import ClusterOptions
from server.services import USER


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home as a first start leaves it, as far as its files count here."""
    made = Home.at(tmp_path / "home")
    keys.ensure(made)
    made.secret("one")
    for folder, files in (("postgres", ("password", "data/PG_VERSION")), ("mongo", ("founded",))):
        for name in files:
            (made.data / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (made.data / folder / name).touch()
    for name in ("password", "key"):
        (made.data / "mongo" / name).touch()
    return made


def test_nothing_is_wrong_with_a_home_that_is_whole_nor_with_none(
    home: Home, tmp_path: Path
) -> None:
    assert damages(home) == damages(Home.at(tmp_path / "none")) == []


NEEDED = [
    "keys/user.json",
    "keys/service-order.json",
    "postgres/password",
    "mongo/password",
    "mongo/key",
]


@pytest.mark.parametrize("name", NEEDED)
def test_a_file_that_has_gone_is_named_with_what_helps(home: Home, name: str) -> None:
    (home.directory / name).unlink()
    with pytest.raises(LocalError, match=f"{name} is missing") as told:
        require_whole(home)
    assert "backup" in told.value.remedy


@pytest.mark.parametrize("name", ["keys/user.json", "keys/jwks.json", "secrets.json", "ports.json"])
@pytest.mark.parametrize("content", ["", "[]", "hunter2"])
def test_a_file_that_holds_something_else_is_named_without_it(
    home: Home, name: str, content: str
) -> None:
    (home.directory / name).write_text(content)
    (damage,) = damages(home)
    assert name in damage.problem
    assert "hunter2" not in str(damage)


async def test_a_cluster_does_not_start_on_it(home: Home) -> None:
    keys.file_of(USER.name, home).unlink()
    with pytest.raises(LocalError, match=r"keys/user\.json is missing"):
        async with Cluster(ClusterOptions(home=home.directory, edge_port=0)):
            pass


def test_migrate_and_doctor_name_it_too(home: Home) -> None:
    keys.file_of(USER.name, home).unlink()
    migrated = CliRunner().invoke(app, ["migrate", "--home", str(home.directory)])
    assert isinstance(migrated.exception, LocalError)
    assert "keys/user.json is missing" in migrated.exception.problem
    examined = CliRunner().invoke(app, ["doctor", "--home", str(home.directory)])
    assert examined.exit_code == 1
    assert "keys/user.json is missing" in examined.output
    assert f"remove the folder {home.keys}" in examined.output


def test_keys_that_were_removed_as_told_are_made_anew(home: Home) -> None:
    for file in home.keys.iterdir():
        file.unlink()
    home.keys.rmdir()
    assert damages(home) == []
    keys.ensure(home)
    assert damages(home) == []
