"""Files that change while a process runs: keys, which rotate."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from server.kit.auth.keys import readable
from server.settings import SettingsError

_log = structlog.get_logger()
_Content = TypeVar("_Content")
_Stamp = tuple[int, int, int]


class Followed(Generic[_Content]):
    """What `read` makes of the file at `path`, which `variable` names.

    A file that is replaced by one without use changes nothing but the log: who wrote it may not
    have ended. Raises `SettingsError` when there is nothing to begin with.
    """

    def __init__(self, variable: str, path: Path, read: Callable[[str], _Content]) -> None:
        self._variable = variable
        self._path = path
        self._read = read
        self._problem = ""  # the last that was logged, so that each is logged once
        with readable(variable):
            self._stamp = _stamp_of(path)
            self.content = read(path.read_text(encoding="utf-8"))

    def look(self) -> bool:
        """Whether the file was replaced since the last look, and could be read; a few us."""
        try:
            with readable(self._variable):
                stamp = _stamp_of(self._path)
                if stamp == self._stamp:
                    return False
                # Taken before the file is read: what is written meanwhile is read at the next look.
                self._stamp = stamp
                self.content = self._read(self._path.read_text(encoding="utf-8"))
        except SettingsError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.warning("keys.unreadable", problem=self._problem)
            return False
        self._problem = ""
        return True


def _stamp_of(path: Path) -> _Stamp:
    found = os.stat(path)  # noqa: PTH116 (a third of the time)
    return found.st_mtime_ns, found.st_ino, found.st_size
