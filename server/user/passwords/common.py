"""The passwords that people choose most, and attackers try first: the list of `zxcvbn`."""

import runpy
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def is_common(seen: str) -> bool:
    """Whether that is one of them, in lower case. The first call reads the list, 20 ms."""
    return seen in _common()


@cache
def _common() -> frozenset[str]:
    """All 30,000, in 3.8 MB: blanks make the short ones long enough.

    Only the file with the lists is run, and only for this: as an import, the package would make
    dictionaries of all of them and keep 15 MB.
    """
    package = find_spec("zxcvbn")
    assert package is not None, "the server's dependencies are not installed"
    assert package.origin is not None
    lists = runpy.run_path(str(Path(package.origin).with_name("frequency_lists.py")))
    ranked: list[str] = lists["FREQUENCY_LISTS"]["passwords"]
    return frozenset(ranked)
