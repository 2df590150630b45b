"""The kit's tables, as the newest code expects them."""

import re
from pathlib import Path

from server.kit import postgres

FOLDER = Path(postgres.__file__).parent / "tables"

_FILE_NAME = re.compile(r"(\w+)_v(\d+)\.sql")


def newest() -> dict[str, Path]:
    """The file of each table's newest version, by the table's name."""
    versions: dict[str, dict[int, Path]] = {}
    for path in FOLDER.glob("*.sql"):
        match = _FILE_NAME.fullmatch(path.name)
        assert match, f"{path.name} is not named <table>_v<number>.sql"
        versions.setdefault(match[1], {})[int(match[2])] = path
    return {name: numbered[max(numbered)] for name, numbered in sorted(versions.items())}


def creating(name: str) -> str:
    """The statements that make the newest version of a table."""
    return newest()[name].read_text(encoding="utf-8")
