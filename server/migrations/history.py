"""What the default branch has recorded, which `checksums.txt` itself cannot vouch for.

A line of it that was replaced or deleted together with its migration looks as if it had never been.
So, where there is a git history, each is compared with what stood there when this branch left
`main`, and a commit before that: lines may be added since, and on no account taken away.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from server.migrations.frozen import CHECKSUMS

_DEFAULT_BRANCHES = ("main", "origin/main")


def bases(repository: Path) -> list[str]:
    """The commits to compare with; none where git or the default branch is not at hand."""
    for branch in _DEFAULT_BRANCHES:
        if left_at := _git(repository, "merge-base", "HEAD", branch).strip():
            # On `main` itself the last commit is compared with the one before it.
            before = _git(repository, "rev-parse", "--verify", "--quiet", f"{left_at}^1").strip()
            return [left_at, before] if before else [left_at]
    return []


def missing(repository: Path, folders: Iterable[Path], commits: Iterable[str]) -> list[str]:
    """What was recorded at one of `commits` and is not any more, in a line each."""
    commits = list(commits)
    found = {}
    for folder in folders:
        path = folder / CHECKSUMS
        now = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()
        for commit in commits:
            name = path.relative_to(repository).as_posix()
            for line in _git(repository, "show", f"{commit}:{name}").splitlines():
                if line not in now:
                    migration = folder / line.partition("  ")[2]
                    found[migration] = (
                        f"recorded otherwise: {migration}: remedy: restore it and its line of"
                        f" {CHECKSUMS} from {commit[:12]}; databases were made by it"
                    )
    return list(found.values())


def _git(repository: Path, *arguments: str) -> str:
    """What git prints; nothing when there is no git, no such commit or no such file."""
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""
