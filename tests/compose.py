"""Files that docker-compose.yml is merged with."""

from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Knows Compose's own tags, which say how to merge."""


def _override(loader: Any, node: Any) -> Any:
    return loader.construct_sequence(node)


_Loader.add_constructor("!override", _override)


def merged(path: Path) -> dict[str, Any]:
    """What such a file says."""
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    return content
