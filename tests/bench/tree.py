"""The two trees: this checkout, and a revision in a worktree that is removed in the end."""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_LOCK = "requirements.lock"
_SHOW_PACKAGES = "import emporium, server; print(server.__file__); print(emporium.__file__)"


class TreeError(Exception):
    """A tree cannot be had, or cannot be run."""


@dataclass(frozen=True)
class Tree:
    """A checkout, and the Python that runs its code and no other's."""

    name: str
    folder: Path
    python: Path

    def emporium(self, *words: str, settings: Mapping[str, str] | None = None) -> None:
        """Runs the tree's own `emporium`; `settings` are environment variables."""
        run([str(self.python), "-m", "server", *words], self.folder, settings)


def this_checkout() -> Tree:
    """The tree that this file stands in, with whatever is not committed."""
    return _checked(Tree("this checkout", CHECKOUT, Path(sys.executable)))


@contextmanager
def checked_out(revision: str) -> Iterator[Tree]:
    """The tree of `revision`. Raises `TreeError` when it cannot be had."""
    commit = _commit_of(revision)
    with tempfile.TemporaryDirectory(prefix="emporium-bench-tree-") as folder:
        # PostgreSQL's programs may lie in here, and run as another user when we are root.
        Path(folder).chmod(0o755)
        tree = Path(folder) / "checkout"
        try:
            _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
            yield _checked(Tree(revision, tree, _python_for(tree)))
        finally:
            _git("worktree", "remove", "--force", str(tree))


def run(command: list[str], folder: Path, settings: Mapping[str, str] | None = None) -> str:
    """Runs a program to its end; gives what it printed. Raises `TreeError` when it fails."""
    # A PYTHONPATH would lead a tree to the other's code.
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment | dict(settings or {}),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise TreeError(f"{shlex.join(command)} failed in {folder}:\n{done.stdout}")
    return done.stdout


def _git(*words: str) -> str:
    return run(["git", *words], CHECKOUT)


def _commit_of(revision: str) -> str:
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
    except TreeError as error:
        raise TreeError(f"there is no such revision: {revision}") from error


def _python_for(tree: Path) -> Path:
    if (tree / _LOCK).read_bytes() == (CHECKOUT / _LOCK).read_bytes():
        return _borrowing_python(tree, tree.with_name("venv"))
    run(["make", "--no-print-directory", "setup"], tree)
    return tree / ".venv" / "bin" / "python"


def _borrowing_python(tree: Path, folder: Path) -> Path:
    """A virtual environment with our libraries and with the packages of `tree`.

    A PYTHONPATH would do as much for this process, but not for children that are given a clean
    environment. The `.pth` file that makes our own packages importable is not followed from here.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = (folder / "lib").glob("python*/site-packages")
    lines = [str(tree), str(tree / "clients"), sysconfig.get_path("purelib")]
    (site_packages / "tree.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "bin" / "python"


def _checked(tree: Tree) -> Tree:
    """`tree`, if its Python imports its own code; else both sides would be the same one."""
    for file in run([str(tree.python), "-c", _SHOW_PACKAGES], tree.folder).split("\n")[:2]:
        if not Path(file).is_relative_to(tree.folder):
            raise TreeError(f"{tree.name} would run {file}, which is not its own")
    return tree
