"""The passwords that people choose most, and attackers try first: the list of `zxcvbn`."""

import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from server.user.passwords.rules import LENGTH_MIN


def is_common(password: str) -> bool:
    """Whether `password` is one of them, in any case. The first call reads the list, 20 ms."""
    return password.casefold() in _common()


@cache
def _common() -> frozenset[str]:
    """Those of the 30,000 that are long enough to be asked for: 11,611, in 1.3 MB.

    Only the file with the lists is run, and only for this: as an import, the package would make
    dictionaries of all of them and keep 15 MB.
    """
    package = find_spec("zxcvbn")
    assert package is not None, "the server's dependencies are not installed"
    assert package.origin is not None
    lists = runpy.run_path(str(Path(package.origin).with_name("frequency_lists.py")))
    ranked: list[str] = lists["FREQUENCY_LISTS"]["passwords"]
    return frozenset(password for password in ranked if len(password) >= LENGTH_MIN)
