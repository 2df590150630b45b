"""The OpenAPI document itself, of every rpc that REST may call."""

from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import rpcs as contract
from server.contract.openapi import comments, envelope, headers, links, paths, reasons
from server.contract.openapi.answers import Answers
from server.contract.openapi.names import path_of
from server.contract.openapi.operations import Operations
from server.contract.openapi.requests import Requests
from server.contract.rpcs import Rpc

_DESCRIPTION = """\
A commerce backend by JSON. Every JSON answer has the same envelope: `status`, `data`, on lists \
`meta`, and `request_id`; or `status`, `error` and `request_id`. What a standard has otherwise \
(`/api/v1/auth/token`, `/.well-known/jwks.json`) has none.

- Whatever is answered by GET is answered by HEAD, without the body; OPTIONS tells the verbs of a \
path, and any other verb is 405 (`METHOD_NOT_ALLOWED`) with `Allow`. A path that there is not is \
404 (`ROUTE_NOT_FOUND`).
- A field that is not known is refused, in the body and in the query. `null` is as good as a field \
that is left out. Names of enums are taken in either case.
- 100 calls a minute a client, by the token's subject or else by address, unless the operator \
says otherwise; operations with `x-emporium-rate-limit` have a limit of their own beside it. \
`Retry-After` says how long to wait.
- What no keyword can say of a field, `x-emporium-rules` says.\
"""
_BEARER = "An access token of Login, Refresh or ExchangeApiKey."
_BASIC = "The id and the secret of an API key, to exchange it for an access token."
_OAUTH2 = "An access token for an API key, as far as its scopes reach."


def make(image: FileDescriptorSet) -> dict[str, Any]:
    """The document of the contract in `image`, which must have its comments.

    Exits with a sentence for what cannot be documented, such as a reason that has no example.
    """
    said = comments.read(image)
    pool = contract.pool_of(image)
    known = reasons.declared(pool, said)
    offered = [rpc for rpc in contract.read(image) if rpc.bindings and not rpc.internal]
    answers = Answers(pool, said)
    for rpc in offered:
        answers.of_message(pool.FindMessageTypeByName(rpc.response))
    requests = Requests(pool, said, answers.components.keys())
    made = Operations(said, known, answers, requests, links.between(offered), {})
    operations = paths.of_edge()
    for rpc in offered:
        siblings = {each.name: each for each in offered if each.service == rpc.service}
        for binding in rpc.bindings:
            path = operations.setdefault(path_of(binding), {})
            path[binding.verb.lower()] = made.make(rpc, binding, siblings)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Emporium",
            "version": "v1",
            "summary": "The REST API of a commerce backend.",
            "description": _DESCRIPTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The edge that this document comes from."}],
        "tags": _tags(offered, said),
        "paths": dict(sorted(operations.items())),
        "components": _components(made, offered, operations),
    }


def _tags(offered: list[Rpc], said: dict[str, str]) -> list[dict[str, str]]:
    services = dict.fromkeys(rpc.service for rpc in offered)
    tags = [
        {"name": service.rpartition(".")[2], "description": said.get(service, "")}
        for service in services
    ]
    return sorted([*tags, paths.TAG], key=lambda tag: tag["name"])


def _components(made: Operations, offered: list[Rpc], operations: dict[str, Any]) -> dict[str, Any]:
    schemas = {
        **envelope.SCHEMAS,
        "ErrorReason": envelope.reason_schema(made.known.values()),
        **made.answers.components,
        **made.requests.components,
    }
    used = {name for refusal in made.refusals.values() for name in _referred(refusal)}
    return {
        "schemas": dict(sorted(schemas.items())),
        "responses": dict(sorted(made.refusals.items())),
        "parameters": _parameters(operations),
        "examples": {
            name: envelope.example(each) for name, each in made.known.items() if name in used
        },
        "headers": headers.ANSWERED,
        "securitySchemes": _security_schemes(offered),
    }


def _parameters(paths: dict[str, Any]) -> dict[str, Any]:
    """Those that any operation refers to."""
    operations = [each for verbs in paths.values() for each in verbs.values()]
    named = {each.get("$ref") for of in operations for each in of.get("parameters", ())}
    return {
        name: each
        for name, each in headers.TAKEN.items()
        if f"#/components/parameters/{name}" in named
    }


def _referred(refusal: dict[str, Any]) -> list[str]:
    examples = refusal["content"]["application/json"]["examples"]
    return [name for name, example in examples.items() if "$ref" in example]


def _security_schemes(offered: list[Rpc]) -> dict[str, Any]:
    scopes = sorted({rpc.scope for rpc in offered if rpc.scope})
    flow = {
        "tokenUrl": "/api/v1/auth/token",
        "scopes": {scope: _reach(scope) for scope in scopes},
    }
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": _BEARER,
        },
        "basic": {"type": "http", "scheme": "basic", "description": _BASIC},
        "oauth2": {
            "type": "oauth2",
            "description": _OAUTH2,
            "flows": {"clientCredentials": flow},
        },
    }


def _reach(scope: str) -> str:
    what, _, how = scope.partition(".")
    return f"Whatever {'reads' if how == 'read' else 'changes'} {what}."
