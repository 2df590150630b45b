"""Every answer that an rpc may give by REST: its success, and its refusals by their status."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any

from server.contract.openapi import envelope, headers, oauth
from server.contract.openapi.answers import Answers, is_meta
from server.contract.openapi.links import Links
from server.contract.openapi.reasons import Reason
from server.contract.openapi.schemas import PAGE_META, short_name
from server.contract.rpcs import Rpc

Responses = dict[str, Any]


def of_success(rpc: Rpc, answers: Answers, links: Links) -> Responses:
    """What `rpc` answers when it succeeds, with `links`; and 304, where that may be."""
    message: Any = answers.pool.FindMessageTypeByName(rpc.response)
    status = rpc.success.status or int(HTTPStatus.OK)
    more = ["Location"] if rpc.success.location else []
    if has_etag := "etag" in message.fields_by_name and not rpc.bare:
        more.append("ETag")
    made: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "headers": headers.answered(status, *more) | headers.kept(rpc),
    }
    if status != HTTPStatus.NO_CONTENT:
        made["content"] = _content(rpc, message, answers)
    if links:
        made["links"] = links
    responses = {str(status): made}
    if has_etag and rpc.reads:
        unchanged = HTTPStatus.NOT_MODIFIED
        responses[str(int(unchanged))] = {
            "description": "It is as `If-None-Match` says.",
            "headers": headers.answered(unchanged, "ETag") | headers.kept(rpc),
        }
    return responses


def of_refusals(rpc: Rpc, reasons: Iterable[Reason], components: Responses) -> Responses:
    """References to the answers with which `rpc` refuses, which are put into `components`."""
    words: Mapping[str, str] | None = rpc.bare.get("oauth_errors")

    def status(reason: Reason) -> int:
        return reason.status if words is None else oauth.status_of(words, reason)

    made: Responses = {}
    for code, alike in groupby(sorted(reasons, key=status), key=status):
        group = list(alike)
        name = ".".join([*(["OAuth"] if words else []), *(reason.name for reason in group)])
        if name not in components:
            content = _enveloped(group) if words is None else _by_oauth(words, group)
            components[name] = {
                "description": "\n".join(f"- `{each.name}`: {each.meaning}" for each in group),
                "headers": headers.answered(code),
                "content": {"application/json": content},
            }
        made[str(code)] = {"$ref": f"#/components/responses/{name}"}
    return made


def _events(message: Any, data: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1 has no word for the events of a stream, whose whole is a text."""
    name = short_name(message)
    return {
        "type": "string",
        "description": f"Server-Sent Events. Each has a `{name}` in JSON as its `data`. The last"
        " is named `end`, with `{}`, where there will be no more, or `error`, with what a refusal"
        " has as its body. Without one of them the stream can be gone on with. Comments keep it"
        " open.",
        "x-emporium-event-data": data,
    }


def _enveloped(reasons: list[Reason]) -> dict[str, Any]:
    known = {each.name: {"$ref": f"#/components/examples/{each.name}"} for each in reasons}
    return {"schema": envelope.error(reasons), "examples": known}


def _by_oauth(words: Mapping[str, str], reasons: list[Reason]) -> dict[str, Any]:
    known = {each.name: oauth.example(words, each) for each in reasons}
    return {"schema": oauth.SCHEMA, "examples": known}


def _content(rpc: Rpc, message: Any, answers: Answers) -> dict[str, Any]:
    data = answers.of_message(message)
    if rpc.bare:
        return {rpc.bare["media_type"]: {"schema": data}}
    if rpc.streaming:
        return {"text/event-stream": {"schema": _events(message, data)}}
    meta = None
    if any(is_meta(field) for field in message.fields):
        meta = answers.of_message(answers.pool.FindMessageTypeByName(PAGE_META))
    return {"application/json": {"schema": envelope.success(data, meta)}}
