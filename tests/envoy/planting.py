"""The edge's files with scripts that fail where a call says: in the function that it names."""

import re
import shutil
from pathlib import Path

from server.contract import edge
from tests.envoy.conftest import SOURCE

HEADER = "x-planted"
# What ends the call when a script has failed: it uses nothing of the others.
GUARD = "guard.lua"
_FUNCTION = re.compile(r"^ *local function (\w+)\([^)]*\)", re.MULTILINE)
_ENDING = re.compile(r"^ *(close\(handle, |handle:respond\().*", re.MULTILINE)
_ENTRY = "function envoy_on_request(handle) "
_REMEMBERED = f'PLANTED = handle:headers():get("{HEADER}") '


def functions() -> list[str]:
    """All that can be named, such as `rest.envelope`."""
    return sorted(
        f"{Path(name).stem}.{found[1]}"
        for name in _parts()
        for found in _FUNCTION.finditer((SOURCE / name).read_text())
    )


def planted(folder: Path, *, guarded: bool = True) -> Path:
    """Makes the files below `folder`. Calls come one after the other, to one worker.

    Where they are not `guarded`, a failure ends nothing.
    """
    source = folder / "envoy"
    shutil.copytree(SOURCE, source)
    if not guarded:
        text = (source / GUARD).read_text()
        (source / GUARD).write_text(_ENDING.sub("", text))
    for name in _parts():
        _plant(source / name)
    for name, names in edge.SCRIPTS.items():
        (source / "generated" / name).write_text(edge.script(names, source))
    return source


def _parts() -> set[str]:
    return {name for names in edge.SCRIPTS.values() for name in names} - {GUARD}


def _plant(path: Path) -> None:
    def failing(found: re.Match[str]) -> str:
        return f'{found[0]} if PLANTED == "{path.stem}.{found[1]}" then error("planted") end '

    text = _FUNCTION.sub(failing, path.read_text())
    path.write_text(text.replace(_ENTRY, _ENTRY + _REMEMBERED))
