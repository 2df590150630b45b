"""Finds what is missing in a home, or cannot be read, before something else fails for it."""

import json
from collections.abc import Iterator
from pathlib import Path

from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home
from server.services import SERVICES, USER

BACKUP = "Put it back from a backup"


def damages(home: Home) -> list[LocalError]:
    """What is wrong with the files of `home`, each with the file's name and a remedy."""
    return [*_keys(home), *_passwords(home), *_records(home)]


def require_whole(home: Home) -> None:
    """Raises the first of `damages`."""
    for damage in damages(home):
        raise damage


def _keys(home: Home) -> Iterator[LocalError]:
    """Of each public key there is a private one, which was written before."""
    if not keys.public_file(home).exists():
        return
    remedy = (
        f"{BACKUP}, or remove the folder {home.keys}: the next start makes new keys, and everybody "
        "signs in again."
    )
    public = list(_unreadable(keys.public_file(home), remedy))
    yield from public
    published = set() if public else {keys.name_of(key) for key in keys.public_keys(home)}
    for name in keys.names():
        if name in published:
            yield from _unreadable(keys.found(name, home), remedy)
    # A home that is older than secrets is older than this key too.
    for service in SERVICES if USER.own_key in published else ():
        yield from _unreadable(keys.secret_file(service, home), remedy)


def _passwords(home: Home) -> Iterator[LocalError]:
    """The engines' own: their files are of no use without."""
    remedy = f"{BACKUP}; without it, only `emporium reset` helps, which loses the data."
    postgres, mongo = home.data / "postgres", home.data / "mongo"
    if (postgres / "data" / "PG_VERSION").exists() and not (postgres / "password").exists():
        yield LocalError(f"{postgres / 'password'} is missing", remedy)
    for name in ("password", "key"):
        if (mongo / "founded").exists() and not (mongo / name).exists():
            yield LocalError(f"{mongo / name} is missing", remedy)


def _records(home: Home) -> Iterator[LocalError]:
    """What is made again when it is missing, but not when it holds something else."""
    for file in (
        home.data / "secrets.json",
        home.data / "logins.json",
        home.data / "seeded.json",
        home.directory / "ports.json",
    ):
        if file.exists():
            yield from _unreadable(file, f"{BACKUP}, or remove it: it is made anew.")


def _unreadable(file: Path, remedy: str) -> Iterator[LocalError]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        yield LocalError(f"{file} is missing", remedy)
        return
    except OSError as error:
        yield LocalError(f"{file} cannot be read: {error.strerror}", remedy)
        return
    except ValueError:
        content = None
    if not isinstance(content, dict):
        yield LocalError(f"{file} is not the JSON that was written there", remedy)
