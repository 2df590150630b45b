"""Files that never change once they are recorded: migrations, and versions of the kit's tables.

Beside them stands `checksums.txt`, which `sha256sum --check` reads too. A file that is added is
recorded by `make record`; one that differs from what was recorded is refused, because databases
have been made by it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

SERVER = Path(__file__).parents[1]
CHECKSUMS = "checksums.txt"

# Files beside the frozen ones that are not: the entry points of Alembic and of MongoDB's runner.
_LIVE = {"__init__.py", "env.py"}
_SUFFIXES = {".py", ".sql"}


class FrozenError(Exception):
    """A recorded file is not as it was; the message names each."""


def folders(server: Path) -> Iterator[Path]:
    """Every folder of frozen files: one for each service and engine, and the kit's tables."""
    yield from sorted(path for path in server.glob("*/migrations/*") if files(path))
    yield server / "kit" / "postgres" / "tables"


def files(folder: Path) -> list[Path]:
    """The frozen files of a folder."""
    return [
        path
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES and path.name not in _LIVE and path.is_file()
    ]


def differences(among: Iterable[Path]) -> list[str]:
    """What is not as recorded, in a line each."""
    return [line for folder in among for line in (*_changed(folder), *_new(folder))]


def record(folder: Path) -> list[str]:
    """Adds the files that are new to the folder's checksums; gives their names.

    Raises `FrozenError` when one that was recorded has changed or is gone.
    """
    if changed := _changed(folder):
        raise FrozenError("\n".join(changed))
    present = _present(folder)
    new = sorted(present.keys() - _recorded(folder).keys())
    if new:
        lines = [f"{checksum}  {name}\n" for name, checksum in sorted(present.items())]
        (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
    return new


def _changed(folder: Path) -> list[str]:
    present = _present(folder)
    lines = []
    for name, checksum in _recorded(folder).items():
        if name not in present:
            lines.append(f"gone: {folder / name}: databases were made by it, so it has to stay")
        elif present[name] != checksum:
            lines.append(f"changed: {folder / name}: databases were made by it; add another")
    return lines


def _new(folder: Path) -> list[str]:
    new = sorted(_present(folder).keys() - _recorded(folder).keys())
    return [f"not recorded: {folder / name}: remedy: make record" for name in new]


def _recorded(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}


def _present(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files(folder)
    }
