"""A record of the default branch is never taken back, whatever `checksums.txt` says now."""

import subprocess
from pathlib import Path

import pytest

from server.migrations import frozen, history


class Repository:
    """A git repository with one folder of migrations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "server" / "shop" / "migrations" / "postgres"
        self.folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", str(self.root), *identity, *arguments], check=True)

    def commit(self, **migrations: str) -> None:
        for name, text in migrations.items():
            (self.folder / f"{name}.py").write_text(text)
        frozen.record(self.folder)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "another")

    def rewrite(self, name: str, text: str | None) -> None:
        """Changes a recorded migration, or removes it, and its record with it."""
        path, sums = self.folder / f"{name}.py", self.folder / frozen.CHECKSUMS
        lines = sums.read_text().splitlines(keepends=True)
        sums.write_text("".join(line for line in lines if path.name not in line))
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        frozen.record(self.folder)
        assert not frozen.differences([self.folder])

    def missing(self) -> list[str]:
        return history.missing(self.root, [self.folder], history.bases(self.root))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.commit(first="1")
    return made


@pytest.mark.parametrize("text", ["one", None])
@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("branch", ["main", "mine"])
def test_a_record_of_main_is_not_taken_back(
    repository: Repository, text: str | None, is_committed: bool, branch: str
) -> None:
    if branch != "main":
        repository.git("checkout", "--quiet", "-b", branch)
    repository.rewrite("first", text)
    if is_committed:
        repository.commit()
    [line] = repository.missing()
    assert "recorded otherwise" in line
    assert "first.py" in line


def test_what_a_branch_adds_it_may_change(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "mine")
    repository.commit(second="2")
    repository.rewrite("second", "two")
    assert repository.missing() == []


def test_more_may_be_recorded(repository: Repository) -> None:
    repository.commit(second="2")
    assert repository.missing() == []


def test_without_a_history_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert history.bases(tmp_path) == []


def test_without_git_there_is_nothing_to_compare_with(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert history.bases(repository.root) == []
