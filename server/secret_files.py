"""Secrets that come from files: `<NAME>_FILE` names a file whose content is the setting `NAME`.

Orchestrators mount secrets as files, where no listing of processes or containers shows them.
"""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
_BYTES_MAX = 65_536


class SecretFileError(Exception):
    """A secret cannot be had from its file; the message names the variable, and no value."""


def revealed(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """`environment` with each of `names` that has a file, less one line end at the file's end.

    An empty variable counts as not set. Raises `SecretFileError` where a name is set both ways,
    and where a file cannot be read, is empty, holds no text, or can be changed by everybody.
    """
    found = dict(environment)
    for name, file in _files(environment, names):
        if environment.get(name):
            raise SecretFileError(f"{name} and {name}{SUFFIX} are both set: keep one of them")
        found[name] = _content(f"{name}{SUFFIX}", file)
    return found


def warnings(environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """A warning for each file that everybody on this machine can read.

    It is no more than that, because orchestrators mount secrets so by default (mode 0444), where
    no other user lives.
    """
    return [
        f"everybody on this machine can read the file that {name}{SUFFIX} names: chmod o-r"
        for name, file in _files(environment, names)
        if file.exists() and file.stat().st_mode & stat.S_IROTH
    ]


def _files(environment: Mapping[str, str], names: Iterable[str]) -> list[tuple[str, Path]]:
    return [
        (name, Path(file)) for name in names if (file := environment.get(f"{name}{SUFFIX}", ""))
    ]


def _content(variable: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_BYTES_MAX + 1)
            mode = file.stat().st_mode
        text = content.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SecretFileError(f"the file that {variable} names cannot be read: {reason}") from None
    if mode & stat.S_IWOTH:
        raise SecretFileError(f"everybody can change the file that {variable} names: chmod o-w")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\0" in text or len(content) > _BYTES_MAX:
        raise SecretFileError(f"the file that {variable} names must hold 1 to {_BYTES_MAX} bytes")
    return text
