"""What the edge answers itself, beside the contract."""

from typing import Any

from server.contract.openapi import envelope, headers

TAG = {"name": "Edge", "description": "What the edge answers itself."}
DOCUMENT = "/api/openapi.json"

_PROBES = {
    "Health": ("The edge is alive", ("/health", "/api/v1/health")),
    "Ready": ("Every service has a replica that serves", ("/ready", "/api/v1/ready")),
}


def of_edge() -> dict[str, Any]:
    """The paths of the edge's own answers: two probes, and the document."""
    made = {DOCUMENT: {"get": _document()}}
    for name, (summary, spellings) in _PROBES.items():
        for number, path in enumerate(spellings):
            made[path] = {"get": _probe(f"{name}{number + 1 if number else ''}", summary)}
    return made


def _probe(name: str, summary: str) -> dict[str, Any]:
    data = {
        "type": "object",
        "properties": {"ok": {"const": True}},
        "required": ["ok"],
    }
    answers = {"200": ("OK", envelope.success(data, None))}
    if name.startswith("Ready"):
        refused = {"$ref": "#/components/schemas/Error"}
        answers["503"] = ("One has none.", refused)
    return _operation(name, summary) | {
        "responses": {
            status: {
                "description": description,
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                "content": {"application/json": {"schema": schema}},
            }
            for status, (description, schema) in answers.items()
        }
    }


def _document() -> dict[str, Any]:
    known = {"$ref": "#/components/parameters/IfNoneMatch"}
    content = {"application/json": {"schema": {"type": "object"}}}
    return _operation("Document", "This document") | {
        "parameters": [known],
        "responses": {
            "200": {
                "description": "OK",
                "headers": headers.answered(200, "ETag"),
                "content": content,
            },
            "304": {
                "description": "It is as `If-None-Match` says.",
                "headers": headers.answered(304, "ETag"),
            },
        },
    }


def _operation(name: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "description": "Needs no token, and takes none.",
        "tags": [TAG["name"]],
        "security": [],
    }
