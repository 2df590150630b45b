"""A cluster's folder: what lies where, who may use it now, and the secrets it keeps."""

import fcntl
import json
import os
import secrets
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
ROOM_BYTES = 500 * 1024**2  # databases that hold nothing yet take 350 MB
LOG_BYTES_MAX = 5 * 1024**2


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

    @property
    def record_file(self) -> Path:
        """What runs now; for scripts."""
        return self.directory / "cluster.json"

    @property
    def logs(self) -> Path:
        """A file for each child."""
        return self.directory / "logs"

    @property
    def keys(self) -> Path:
        """What tokens are signed and checked with."""
        return self.data / "keys"

    def log_file(self, name: str) -> Path:
        """The log of the child `name`."""
        return self.logs / f"{name}.log"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and holds it against other supervisors while the block runs.

        The kernel lets go of the lock when its holder dies, so it cannot be stale. Raises
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
                "Choose another --home, or mend the folder.",
            ) from error
        with lock:
            _lock(lock, self.directory)
            yield

    @contextmanager
    def on_ram_disk(self) -> Iterator["Home"]:
        """The same home with its data in a folder on the RAM disk, which goes with the block.

        Folders whose supervisors were killed go first: nobody holds their locks any more. Raises
        `LocalError` when the machine has no RAM disk, or one without room.
        """
        if not RAM_DISK.is_dir():
            raise LocalError(f"there is no RAM disk at {RAM_DISK}", "Run without --ephemeral.")
        for abandoned in RAM_DISK.glob(f"{RAM_PREFIX}*/lock"):
            _remove_unless_held(abandoned)
        require_room(RAM_DISK, "Give the RAM disk more room, or run without --ephemeral.")
        folder = Path(tempfile.mkdtemp(prefix=RAM_PREFIX, dir=RAM_DISK))
        try:
            with (folder / "lock").open("a", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield Home(self.directory, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rotate_logs(self) -> None:
        """Puts aside logs that have grown large, in place of those put aside before."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LOG_BYTES_MAX:
                log.replace(log.with_suffix(".log.1"))

    def secret(self, name: str) -> str:
        """The password kept under `name`, made up at the first asking."""
        kept = read_private(self.data / "secrets.json")
        if name not in kept:
            kept[name] = secrets.token_urlsafe(18)
            write_private(self.data / "secrets.json", kept)
        return str(kept[name])

    def keep_secret(self, name: str, password: str) -> None:
        """Keeps a `password` that the operator has chosen; an empty one changes nothing."""
        if password:
            kept = read_private(self.data / "secrets.json")
            write_private(self.data / "secrets.json", kept | {name: password})


def require_room(folder: Path, mend: str) -> None:
    """Raises `LocalError` when the file system of `folder` is all but full."""
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise LocalError(
            f"{folder} has {free // 1024**2} MB free; {ROOM_BYTES // 1024**2} MB are needed", mend
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


def _remove_unless_held(lock_file: Path) -> None:
    try:
        with lock_file.open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError, PermissionError):
        return  # held, or gone by now, or somebody else's
    shutil.rmtree(lock_file.parent, ignore_errors=True)


def _lock(lock: IO[str], directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(
            f"a cluster already runs in {directory}",
            f"Look at it with `emporium status --home {directory}`, or end it with "
            f"`emporium down --home {directory}`.",
        ) from error
