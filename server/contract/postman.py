"""docs/emporium.postman_collection.json: a call of each operation, for Postman and its like."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import calls
from server.contract.calls import Call

PATH = Path("docs/emporium.postman_collection.json")
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ABOUT = "Every operation of REST once. Fill in the variables that the calls which you send need."


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / PATH).exists():
        yield root / PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the collection below `into` and returns its path."""
    known = calls.offered(image)
    variables = {"edge": "http://localhost:8080"} | dict.fromkeys(calls.variables(known), "")
    collection = {
        "info": {"name": "Emporium", "description": _ABOUT, "schema": _SCHEMA},
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
        "item": [
            {"name": service, "item": [_item(call) for call in each]}
            for service, each in groupby(known, key=lambda call: call.service)
        ],
    }
    return [calls.written(into, PATH, json.dumps(collection, indent=1) + "\n")]


def _item(call: Call) -> dict[str, Any]:
    body = {"mode": "raw", "raw": call.body}
    return {
        "name": call.name,
        "request": {
            "description": call.summary,
            "method": call.verb,
            "url": f"{{{{edge}}}}{call.path}",
            "header": [{"key": name, "value": value} for name, value in call.headers.items()],
            **({"body": body} if call.body else {}),
        },
    }
