"""A cluster's folder: its layout, its lock and its secrets."""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from server.local.errors import LocalError

RAM_DISK = Path("/dev/shm")  # noqa: S108 (used for private folders with names of their own)
RAM_PREFIX = "emporium-"
SPACE_BYTES_MIN = 500 * 1024**2  # empty databases take 350 MB
LOG_BYTES_MAX = 5 * 1024**2
# All that a cluster puts into its home.
CONTENT = (
    *("cluster.json", "ports.json", "secrets.json", "logins.json", "seeded.json", ".gitignore"),
    *("keys", "postgres", "mongo", "limits", "edge", "mail", "logs", "lock", "sandbox"),
)


# What whoever makes a home makes first.
SIGNS = ("keys", "lock", "logs")


class AlreadyRunning(LocalError):
    """Another supervisor holds this home."""


@dataclass(frozen=True)
class Home:
    """The folder `directory`, for records and logs, and `data`, for what may lie on a RAM disk."""

    directory: Path
    data: Path

    @classmethod
    def at(cls, directory: Path) -> "Home":
        """The home in `directory`, all of it on disk."""
        return cls(directory.absolute(), directory.absolute())

    @classmethod
    def existing(cls, directory: Path) -> "Home":
        """As `at`, for whoever only reads it. Raises `LocalError` where there is none."""
        home = cls.at(directory)
        if not home.is_there:
            quoted = shlex.quote(str(directory))
            raise LocalError(
                f"there is no home in {directory}",
                f"Name the right one with --home, or make one: emporium up --home {quoted}",
            )
        return home

    @property
    def is_there(self) -> bool:
        """Whether a cluster has ever been prepared in the folder."""
        return any((self.directory / sign).exists() for sign in SIGNS)

    @property
    def record_file(self) -> Path:
        """The record of what runs now; for scripts too."""
        return self.directory / "cluster.json"

    @property
    def logs(self) -> Path:
        """A file for each child."""
        return self.directory / "logs"

    @property
    def keys(self) -> Path:
        """The keys that sign and verify tokens."""
        return self.data / "keys"

    @property
    def mailbox(self) -> Path:
        """The mails that were sent, where no SMTP server is named."""
        return self.data / "mail"

    @property
    def counts(self) -> Path:
        """How often callers have called."""
        return self.data / "limits"

    def log_file(self, name: str) -> Path:
        """The log of the child `name`."""
        return self.logs / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and locks it against other supervisors while the block runs.

        The kernel releases the lock when its holder dies, so it cannot be stale. Raises
        `AlreadyRunning`, or `LocalError` when the folder cannot be used.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
            (self.directory / ".gitignore").write_text("*\n", encoding="ascii")
            lock = (self.directory / "lock").open("a", encoding="ascii")
        except OSError as error:
            raise LocalError(
                f"the home {self.directory} cannot be used: {error.strerror}",
                "Choose another --home, or correct the folder's permissions.",
            ) from error
        with lock:
            _lock(lock, self.directory)
            yield

    @contextmanager
    def on_ram_disk(self) -> Iterator["Home"]:
        """The same home with its data in a folder on the RAM disk, which is removed with the block.

        Folders of killed supervisors are removed first: their locks are free. Raises
        `LocalError` when the machine has no RAM disk, or one without space.
        """
        if not RAM_DISK.is_dir():
            raise LocalError(f"there is no RAM disk at {RAM_DISK}", "Run without --ephemeral.")
        for abandoned in RAM_DISK.glob(f"{RAM_PREFIX}*/lock"):
            _remove_unless_locked(abandoned)
        require_space(RAM_DISK, "Make the RAM disk larger, or run without --ephemeral.")
        folder = Path(tempfile.mkdtemp(prefix=RAM_PREFIX, dir=RAM_DISK))
        try:
            with (folder / "lock").open("a", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield Home(self.directory, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rotate_logs(self) -> None:
        """Copies logs that have grown large aside, replacing older copies, and empties them.

        Those who write them keep them open, to append, and go on at the beginning. What they write
        between the copy and its end is lost. Without room for a copy there is none.
        """
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LOG_BYTES_MAX:
                copy = log.with_suffix(".log.1")
                try:
                    shutil.copyfile(log, copy)
                except OSError:
                    copy.unlink(missing_ok=True)
                os.truncate(log, 0)

    def remove(self) -> list[str]:
        """Removes all of it; gives the names of what is not ours, which stays."""
        for name in CONTENT:
            path = self.directory / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        left = sorted(path.name for path in self.directory.iterdir())
        if not left:
            self.directory.rmdir()
        return left

    def secret(self, name: str) -> str:
        """The password stored under `name`, generated at first use."""
        stored = read_private(self.data / "secrets.json")
        if name not in stored:
            stored[name] = secrets.token_urlsafe(18)
            write_private(self.data / "secrets.json", stored)
        return str(stored[name])

    def set_secret(self, name: str, password: str) -> None:
        """Stores a `password` that the operator has chosen; an empty one changes nothing."""
        if password:
            stored = read_private(self.data / "secrets.json")
            write_private(self.data / "secrets.json", stored | {name: password})


def require_space(folder: Path, remedy: str) -> None:
    """Raises `LocalError` when the file system of `folder` is almost full."""
    free = shutil.disk_usage(folder).free
    if free < SPACE_BYTES_MIN:
        raise LocalError(
            f"{folder} has {free // 1024**2} MB free; {SPACE_BYTES_MIN // 1024**2} MB are needed",
            remedy,
        )


def write_private(file: Path, content: dict[str, Any]) -> None:
    """Replaces `file` in one step by `content` as JSON that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    new.replace(file)


def read_private(file: Path) -> dict[str, Any]:
    """What `write_private` wrote; empty when it never has."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _remove_unless_locked(lock_file: Path) -> None:
    try:
        with lock_file.open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError, PermissionError):
        return  # locked, removed by now, or another user's
    shutil.rmtree(lock_file.parent, ignore_errors=True)


def _lock(lock: IO[str], directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        quoted = shlex.quote(str(directory))
        raise AlreadyRunning(
            f"a cluster already runs in {directory}",
            f"Look at it with `emporium status --home {quoted}`, or stop it with "
            f"`emporium down --home {quoted}`.",
        ) from error
