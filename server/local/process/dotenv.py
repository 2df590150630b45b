"""Reads `.env`, as Compose does."""

import difflib
import re
from collections.abc import Collection
from pathlib import Path

# NAME=value, NAME="value" or NAME='value', and a comment; `export` may stand before.
_LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
        (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<bare>(?:[^\s"'\#].*?)?) )
        (?:\s+\#.*)?""",
    re.VERBOSE,
)


def read(file: Path, known: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The variables of `file` that say something, and a warning for each line that does not count.

    A warning names line and variable, never a value. A file that is not there says nothing.
    """
    said: dict[str, str] = {}
    warnings: list[str] = []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return said, warnings
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        return said, [f"{file} cannot be read: {reason}"]
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            warnings.append(f"{file}, line {number} does not count: it is not NAME=value")
        elif found["name"] not in known:
            warnings.append(f"{file}, line {number} does not count: {_unknown(found, known)}")
        elif value := _value(found):
            said[found["name"]] = value
    return said, warnings


def _value(found: re.Match[str]) -> str:
    return next((text for text in found.group("double", "single", "bare") if text), "")


def _unknown(found: re.Match[str], known: Collection[str]) -> str:
    near = difflib.get_close_matches(found["name"].upper(), known, n=1)
    advice = f"did you mean {near[0]}?" if near else "see .env.example"
    return f"there is no setting {found['name']}; {advice}"
