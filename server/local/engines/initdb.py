"""Makes the files of a PostgreSQL that requires a password of every client."""

import os
import pwd
import secrets
import shutil
from pathlib import Path

from server.local.engines import binaries
from server.local.process.child import Child, run_once


async def initialise(data: Path, password_file: Path, user: str | None, log_file: Path) -> None:
    """Runs `initdb` for `data`, as `user` when given, and generates the superuser's password.

    It works in another folder and renames that, so that an interrupted run leaves nothing. Raises
    `ChildDied` when it fails.
    """
    fresh = data.with_name(f"{data.name}.new")
    _lay_out(fresh, password_file, user)
    command = _command(fresh, password_file)
    await run_once(Child(name="initdb", command=command, log_file=log_file, user=user))
    fresh.rename(data)


def _lay_out(data: Path, password_file: Path, user: str | None) -> None:
    """Makes an empty folder and a password file, both private to the user who runs the server."""
    data.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(24), encoding="ascii")
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(data, entry.pw_uid, entry.pw_gid)
        os.chown(password_file, entry.pw_uid, entry.pw_gid)


def _command(data: Path, password_file: Path) -> list[str]:
    return [
        str(binaries.postgres_folder() / "initdb"),
        f"--pgdata={data}",
        "--username=postgres",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",  # the same collation on every machine
        "--locale=C",
        "--no-instructions",
        "--no-sync",  # the first checkpoint syncs the files
    ]
