"""The headers that REST takes and answers with, whatever the rpc."""

from collections.abc import Iterator
from typing import Any

from server.contract.openapi.schemas import Schema
from server.contract.rpcs import Rpc

_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}

# By their names: what each is for, and what it may be.
ANSWERED: dict[str, Any] = {
    "X-Request-Id": {
        "description": "The id by which the logs have the call; the caller's own, if it sent one.",
        "schema": _TEXT,
    },
    "X-Rate-Limit-Limit": {
        "description": "How many calls a minute the client may make; also `RateLimit-Limit`.",
        "schema": _COUNT,
    },
    "X-Rate-Limit-Remaining": {
        "description": "How many of them are left; also `RateLimit-Remaining`.",
        "schema": _COUNT,
    },
    "X-Rate-Limit-Reset": {
        "description": "Seconds until there are more; also `RateLimit-Reset`.",
        "schema": _COUNT,
    },
    "Cache-Control": {"description": "`no-store`, unless an `ETag` is there.", "schema": _TEXT},
    "ETag": {
        "description": "Changes with every change of the resource. Send it back as `If-None-Match`"
        " with a read, or as `If-Match` with a change.",
        "schema": {"type": "string", "pattern": '^".+"$'},
    },
    "Location": {"description": "The path of what was made.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "The scheme to sign in by.", "schema": _TEXT},
}
_EVERYWHERE = ("X-Request-Id", "Cache-Control")
_COUNTED = ("X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
# Refused before it is counted.
_UNCOUNTED = (431,)
_OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}

# By the names that references have for them.
TAKEN: dict[str, Any] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id for the call, for logs and for the answer: 64 of letters, digits,"
        " `.`, `_` and `-`. What is none of them is replaced.",
        "schema": _TEXT,
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same as `request_id`: a repeat with the same key and body is answered"
        " as the first was.",
        "schema": {"type": "string", "pattern": "^[!#-+\\--~]{1,128}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` that the resource must still have, or else nothing is changed.",
        "schema": {"type": "string", "pattern": '^"[!#-~]{1,62}"$'},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` that is known: 304 while it is the resource's. What is no etag"
        " matches none.",
        "schema": _TEXT,
    },
    "CartSecret": {
        "name": "Cart-Secret",
        "in": "header",
        "description": "What was told when a cart without an owner was made: who sends it has the"
        " cart. Without it a cart is its owner's.",
        "schema": _TEXT,
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The `id` of the last event that was had, to go on after it. An EventSource"
        " sends it by itself. It counts before what the query says.",
        "schema": _TEXT,
    },
}


def answered(status: int, *more: str) -> dict[str, Any]:
    """The headers of an answer with that status, as references."""
    counted = () if status in _UNCOUNTED else _COUNTED
    names = (*_EVERYWHERE, *counted, *_OF_STATUS.get(status, ()), *more)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def kept(rpc: Rpc) -> dict[str, Any]:
    """`Cache-Control` of a success, where the contract says who may keep it."""
    if not rpc.cache:
        return {}
    schema = _TEXT | {"enum": list(dict.fromkeys(rpc.cache.values()))}
    about = "Who may keep it, and for how many seconds. With a token it is `private`."
    return {"Cache-Control": {"description": about, "schema": schema}}


def taken(rpc: Rpc, request: Any, response: Any) -> Iterator[dict[str, str]]:
    """The headers that a call of `rpc` may have, as references."""
    names = ["RequestId"]
    if "request_id" in request.fields_by_name:
        names.append("IdempotencyKey")
    if "etag" in request.fields_by_name:
        names.append("IfMatch")
    if rpc.reads and "etag" in response.fields_by_name:
        names.append("IfNoneMatch")
    if rpc.last_event_id:
        names.append("LastEventId")
    if rpc.secret_header:
        names += [key for key, said in TAKEN.items() if said["name"].lower() == rpc.secret_header]
    return ({"$ref": f"#/components/parameters/{name}"} for name in names)
