"""A cluster's folder."""

from pathlib import Path

import pytest

from server.local.errors import LocalError
from server.local.home import folder as homes
from server.local.home.folder import AlreadyRunning, Home


def test_only_one_supervisor_locks_a_home_at_a_time(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with home.locked(), pytest.raises(AlreadyRunning, match="already runs"), home.locked():
        pass
    with home.locked():
        pass


def test_everything_in_a_home_is_its_owners_and_none_of_gits(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with home.locked():
        home.secret("admin")
    assert home.directory.stat().st_mode & 0o077 == 0
    assert (home.data / "secrets.json").stat().st_mode & 0o077 == 0
    assert (home.directory / ".gitignore").read_text() == "*\n"


def test_a_home_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be used"), Home.at(tmp_path / "file").locked():
        pass


def test_a_secret_stays_what_it_was_unless_the_operator_chooses_another(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = home.secret("admin")
    assert home.secret("admin") == first
    assert home.secret("other") != first
    home.set_secret("admin", "")
    assert home.secret("admin") == first
    home.set_secret("admin", "my own")
    assert home.secret("admin") == "my own"


@pytest.mark.skipif(not homes.RAM_DISK.is_dir(), reason="this machine has no RAM disk")
def test_data_on_the_ram_disk_go_with_the_cluster(tmp_path: Path) -> None:
    with Home.at(tmp_path).on_ram_disk() as in_memory:
        assert in_memory.data.parent == homes.RAM_DISK
        assert in_memory.directory == tmp_path
        assert in_memory.data.stat().st_mode & 0o077 == 0
    assert not in_memory.data.exists()
    assert tmp_path.exists()


def test_data_that_a_killed_supervisor_left_on_the_ram_disk_go_with_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "RAM_DISK", tmp_path)
    monkeypatch.setattr(homes, "SPACE_BYTES_MIN", 0)
    abandoned, stranger = tmp_path / "emporium-abandoned", tmp_path / "emporium-unlocked"
    abandoned.mkdir()
    (abandoned / "lock").touch()
    stranger.mkdir()
    with Home.at(tmp_path).on_ram_disk() as first, Home.at(tmp_path).on_ram_disk() as second:
        assert first.data.exists(), "what is in use stays"
        assert second.data.exists()
        assert not abandoned.exists()
    assert stranger.exists(), "what never was a cluster's stays"


def test_a_full_disk_is_reported_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "SPACE_BYTES_MIN", 1 << 62)
    with pytest.raises(LocalError, match="MB are needed") as raised:
        homes.require_space(tmp_path, "Free some space.")
    assert raised.value.remedy == "Free some space."


def test_a_log_that_has_grown_large_is_put_aside_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "LOG_BYTES_MAX", 4)
    home = Home.at(tmp_path)
    with home.locked(), home.log_file("large").open("ab", buffering=0) as writer:
        home.log_file("small").write_text("tiny")
        writer.write(b"large")
        home.rotate_logs()
        writer.write(b"more")
    assert home.log_file("large").read_text() == "more"
    assert (home.logs / "large.log.1").read_text() == "large"
    assert sorted(file.name for file in home.logs.iterdir()) == [
        "large.log",
        "large.log.1",
        "small.log",
    ]


def test_a_log_for_whose_copy_there_is_no_room_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "LOG_BYTES_MAX", 4)
    home = Home.at(tmp_path)
    with home.locked():
        home.log_file("large").write_text("large")
        (home.logs / "large.log.1").symlink_to("/dev/full")
        home.rotate_logs()
    assert home.log_file("large").read_text() == ""
    assert [file.name for file in home.logs.iterdir()] == ["large.log"]
