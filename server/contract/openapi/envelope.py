"""What stands around every answer, as JSON Schema."""

import re
from collections.abc import Iterable
from typing import Any

from server.contract.openapi.reasons import Reason
from server.contract.openapi.schemas import Schema

_REQUEST_ID = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
_AT_A_FIELD = r"[a-z][a-z_]*(?:\[\d+\])?(?:\.[a-z_]+)*"

# The schemas that every error refers to.
SCHEMAS: dict[str, Schema] = {
    "RequestId": {
        "type": "string",
        "description": "The id by which the logs have the call, as in `X-Request-Id`.",
        "maxLength": 64,
    },
    "ErrorDetail": {
        "type": "object",
        "description": "A message of `google.rpc`: `BadRequest` names in `field_violations` every"
        " field that is wrong, with what is wrong; `RetryInfo` says in `retry_delay` when to try"
        " again.",
        "properties": {
            "@type": {"type": "string"},
            "field_violations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": {"type": "string"},
                        "description": {"type": "string"},
                    },
                    "required": ["description"],
                },
            },
            "retry_delay": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?s$"},
        },
        "required": ["@type"],
    },
    "Error": {
        "type": "object",
        "description": "What went wrong. `code` is for programs, and never changes its meaning;"
        " `message` is for people.",
        "properties": {
            "status": {"const": "error"},
            "error": {
                "type": "object",
                "properties": {
                    "code": {"$ref": "#/components/schemas/ErrorReason"},
                    "message": {"type": "string"},
                    "details": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/ErrorDetail"},
                    },
                },
                "required": ["code", "message", "details"],
                "additionalProperties": False,
            },
            "request_id": {"$ref": "#/components/schemas/RequestId"},
        },
        "required": ["status", "error", "request_id"],
        "additionalProperties": False,
    },
    "OAuthError": {
        "type": "object",
        "description": "What went wrong, as RFC 6749, section 5.2, has it.",
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        "required": ["error", "error_description"],
    },
}


def success(data: Schema, meta: Schema | None) -> Schema:
    """The envelope of an answer that holds `data`, and of a list `meta` beside it."""
    return {
        "type": "object",
        "properties": {
            "status": {"const": "success"},
            "data": data,
            **({"meta": meta} if meta else {}),
            "request_id": {"$ref": "#/components/schemas/RequestId"},
        },
        "required": ["status", "data", *(["meta"] if meta else []), "request_id"],
        "additionalProperties": False,
    }


def error(reasons: Iterable[Reason]) -> Schema:
    """The envelope of an error with one of those reasons."""
    codes = {"properties": {"code": {"enum": [reason.name for reason in reasons]}}}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Error"},
            {"type": "object", "properties": {"error": {"type": "object", **codes}}},
        ]
    }


def reason_schema(reasons: Iterable[Reason]) -> Schema:
    """All reasons that there are, with their meanings."""
    known = list(reasons)
    lines = "\n".join(f"- `{each.name}` ({each.status}): {each.meaning}" for each in known)
    return {
        "type": "string",
        "description": f"Why a call was refused.\n\n{lines}",
        "enum": [each.name for each in known],
    }


def example(reason: Reason) -> dict[str, Any]:
    """An error with that reason, as it is answered."""
    field, found, _ = reason.example.partition(": ")
    violations = [{"field": field, "description": reason.example}]
    is_of_field = found and re.fullmatch(_AT_A_FIELD, field)
    bad_request = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "field_violations": violations,
    }
    told = {
        "code": reason.name,
        "message": reason.example,
        "details": [bad_request] if is_of_field else [],
    }
    return {
        "summary": reason.meaning,
        "value": {"status": "error", "error": told, "request_id": _REQUEST_ID},
    }
