"""Envoy's routes: one for each way to call each rpc, composed of hand-written fragments."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from emporium.limits import BODY_BYTES_MAX
from server.contract.rpcs import Binding, Rpc

Tree = dict[str, Any]

# What stands for any value of a placeholder when one template's paths are tried on another's.
_ANY = "x"
_ID = "[^/:]+"  # any value
_TOLD = "x-emporium-told"  # the status with which the edge answers by itself
_ALLOW = "x-emporium-allow"  # the verbs that it names
# `Accept-Encoding`: among others, and not with a quality of 0.
_TAKES_GZIP = r"(.*,)?\s*gzip\s*(;\s*q=(1(\.0*)?|0\.[0-9]*[1-9][0-9]*))?\s*(,.*)?"


def configuration(rpcs: list[Rpc], template: Mapping[str, Any], etags: Mapping[str, str]) -> Tree:
    """The route configuration of `template`, with the contract's routes between its own.

    `etags` are those of the documents that `template` names, by their files. Behind the routes that
    lead to an rpc stand those that answer for a known path with a verb that it has not: `OPTIONS`
    is told the verbs, and everything else is refused with them.
    """
    kinds: Mapping[str, Tree] = template["kinds"]
    made: Tree = copy.deepcopy(template["route_configuration"])
    host = made["virtual_hosts"][0]
    pairs = _pairs(rpcs)
    heads = _heads(pairs)
    documents = list(_documents(template, etags))
    fixed = [*template["probes"], *(each["path"] for each in template["documents"])]
    host["routes"] = [
        *copy.deepcopy(template["first"]),
        *(_route(rpc, _match_rest(binding), kinds, binding.template) for binding, rpc in pairs),
        *(_route(rpc, _match_grpc(rpc), kinds) for rpc in rpcs),
        *(route for each in documents for route in _document(each, kinds)),
        # Few ask so: behind everything that is called.
        *(_route(rpc, _match_rest(head), kinds, head.template) for head, rpc in heads),
        *copy.deepcopy(template["between"]),
        *_other_verbs([*pairs, *heads], kinds, fixed),
        *host["routes"],
    ]
    return made


def _pairs(rpcs: list[Rpc]) -> list[tuple[Binding, Rpc]]:
    """Fixed paths first, which cost one comparison; then the patterns, the narrowest first."""
    pairs = [(binding, rpc) for rpc in rpcs for binding in rpc.bindings]
    pairs.sort(key=lambda pair: ("{" in pair[0].template, -len(_pattern(pair[0].template))))
    return pairs


def answers(template: Mapping[str, Any], etags: Mapping[str, str]) -> Tree:
    """The route configuration of what the edge answers by itself, with the documents in front."""
    made: Tree = copy.deepcopy(template["answers"])
    host = made["virtual_hosts"][0]
    host["routes"] = [
        *(route for each in _documents(template, etags) for route in _answer(each)),
        *host["routes"],
    ]
    return made


def _documents(template: Mapping[str, Any], etags: Mapping[str, str]) -> Iterator[Tree]:
    """The files with their etags; in front of one that is packed too, that, for who takes it."""
    for document in template["documents"]:
        headers, etag = document["headers"], etags[document["file"]]
        if document.get("packed"):
            headers = headers | {"vary": "Accept-Encoding"}
            yield document | {
                "file": f"{document['file']}.gz",
                "headers": headers | {"content-encoding": "gzip", "etag": f'"{etag}-gzip"'},
                "etag": f"{etag}-gzip",
                "told": " gzip",
                "takes": [_header_match("accept-encoding", _TAKES_GZIP)],
            }
        plain = {"headers": headers | {"etag": f'"{etag}"'}, "etag": etag, "told": "", "takes": []}
        yield document | plain


def _answer(document: Tree) -> Iterator[Tree]:
    added = [_header(name, value) for name, value in document["headers"].items()]
    file = {"filename": document["file"]}
    for told, response, more in (
        ("304", {"status": 304}, []),
        (
            "200",
            {"status": 200, "body": file},
            [_header("content-type", document["content_type"])],
        ),
    ):
        yield {
            "match": {
                "path": document["path"],
                "headers": [_header_match(_TOLD, told + document["told"])],
            },
            "direct_response": response,
            "response_headers_to_add": [*added, *more],
        }


def _document(document: Tree, kinds: Mapping[str, Tree]) -> Iterator[Tree]:
    """The way to a file, and the way of whoever has it already."""
    asked = [_header_match(":method", "GET|HEAD"), *document["takes"]]
    match = {"path": document["path"], "headers": asked}
    known = match | {"headers": [*asked, _header_match("if-none-match", _any(document["etag"]))]}
    path = _metadata({"path": document["path"]})
    for name, matching, told in (("unchanged", known, "304"), ("document", match, "200")):
        route = {
            "name": name,
            "match": matching,
            "request_headers_to_add": [_header(_TOLD, told + document["told"])],
        }
        yield _merged(_merged(_merged(route, kinds["told"]), kinds["document"]), path)


def _header_match(name: str, pattern: str) -> Tree:
    return {"name": name, "string_match": {"safe_regex": {"regex": pattern}}}


def _header(name: str, value: str) -> Tree:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _any(etag: str) -> str:
    """How If-None-Match names the etag, alone or among others; weak ones compare as equal."""
    return rf'\s*\*\s*|(.*,)?\s*(W/)?"{etag}"\s*(,.*)?'


def _heads(pairs: list[tuple[Binding, Rpc]]) -> list[tuple[Binding, Rpc]]:
    """HEAD is asked as GET (envoy/rest.lua). Not of a stream: without a body it has no end."""
    return [
        (Binding("HEAD", binding.template), rpc)
        for binding, rpc in pairs
        if binding.verb == "GET" and not rpc.streaming
    ]


def _other_verbs(
    pairs: list[tuple[Binding, Rpc]], kinds: Mapping[str, Tree], fixed: list[str]
) -> Iterator[Tree]:
    bindings = [Binding(verb, path) for path in fixed for verb in ("GET", "HEAD")]
    bindings += [binding for binding, _ in pairs]
    # Of two templates that are the same but for a placeholder's name, the first.
    templates = {_pattern(each.template): each.template for each in reversed(bindings)}
    # A path whose refusals are OAuth's has this one in OAuth's words, too (rest.lua).
    bare = {_pattern(b.template): rpc.bare for b, rpc in pairs if rpc.bare.get("oauth_errors")}
    for pattern in dict.fromkeys(_pattern(binding.template) for binding in bindings):
        path = pattern.replace(_ID, _ANY).replace("\\", "")
        verbs = {each.verb for each in bindings if re.fullmatch(_pattern(each.template), path)}
        allow = _header(_ALLOW, _listed(verbs | {"OPTIONS"}))
        match = {"safe_regex": {"regex": pattern}} if path != pattern else {"path": path}
        asked = {"headers": [{"name": ":method", "string_match": {"exact": "OPTIONS"}}]}
        oauth = {"rest": {"bare": dict(bare[pattern])}} if pattern in bare else {}
        told = _merged(dict(kinds["told"]), _metadata({"path": templates[pattern]}, **oauth))
        for kind, matching in (("verbs", match | asked), ("not_allowed", match)):
            route = _merged({"name": kind, "match": matching}, told)
            route = _merged(route, kinds[kind])
            route["request_headers_to_add"].append(allow)
            yield route


def _listed(verbs: set[str]) -> str:
    order = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return ", ".join(verb for verb in order if verb in verbs)


def _match_rest(binding: Binding) -> Tree:
    verb = {"name": ":method", "string_match": {"exact": binding.verb}}
    if "{" in binding.template:
        return {"safe_regex": {"regex": _pattern(binding.template)}, "headers": [verb]}
    return {"path": binding.template, "headers": [verb]}


def _match_grpc(rpc: Rpc) -> Tree:
    return {"path": rpc.path, "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]}


def _pattern(template: str) -> str:
    """The regular expression of a path template such as `/api/v1/users/{user_id}:suspend`.

    What is behind a colon is a custom verb (AIP-136), and no part of an id.
    """
    literals = re.split(r"\{[^{}]*\}", template)
    return _ID.join(re.escape(literal).replace(r"\-", "-") for literal in literals)


def _route(rpc: Rpc, match: Tree, kinds: Mapping[str, Tree], template: str = "") -> Tree:
    """The route of native gRPC, or of REST by the path `template`."""
    # Read in envoy.yaml, by the access log: the caller's own path may hold what no log should.
    metadata: Tree = {"rpc": rpc.path.removeprefix("/"), "path": template or rpc.path}
    route: Tree = {"name": metadata["rpc"], "match": match}
    if rpc.internal:  # the edge does not offer it
        return _merged(_merged(route, kinds["nowhere"]), _metadata(metadata))
    for kind in _kinds(rpc, by_rest=bool(template)):
        route = _merged(route, kinds[kind])
    route["route"]["cluster"] = rpc.cluster
    if not (rpc.streaming or rpc.never_shed):
        route = _merged(route, _shed(rpc.cluster))
    if rpc.unlimited:
        route = _merged(route, _uncounted())
    if rpc.limit:
        # Read by the rate limiter, which knows what the name allows.
        metadata["limit"] = rpc.limit
    if not template:
        return _merged(route, _metadata(metadata))
    # Read by rest.lua: when the transcoder cannot read the request, when the body is too large, and
    # where there is no envelope.
    told: Tree = {"enums": dict(rpc.enums)} if rpc.enums else {}
    if rpc.oneofs:
        told["oneofs"] = dict(rpc.oneofs)
    # Read by body_fields.lua, too: which arrays there may be.
    lists = {"lists": dict.fromkeys(rpc.lists, True)} if rpc.lists else {}
    told |= lists
    told |= _of_answers(rpc)
    if rpc.json_bytes > BODY_BYTES_MAX:
        told["body_bytes_max"] = str(rpc.json_bytes)
        route = _merged(route, _body_limit(rpc.json_bytes))
    others = {"rest": told, "body_fields": lists}
    return _merged(
        route, _metadata(metadata, **{name: each for name, each in others.items() if each})
    )


def _of_answers(rpc: Rpc) -> Tree:
    """What rest.lua is told of successes."""
    told: Tree = {"bare": dict(rpc.bare)} if rpc.bare else {}
    if rpc.cache:
        told["cache"] = dict(rpc.cache)
    if rpc.has_first_etag:
        told["etag"] = "first"
    return told


def _kinds(rpc: Rpc, *, by_rest: bool) -> list[str]:
    if rpc.streaming:
        kinds = ["events"] if by_rest else ["grpc", "streaming"]
    else:
        kinds = ["rest" if by_rest else "grpc"]
    return kinds + [kind for kind in ("public", "safe") if getattr(rpc, kind)]


def _shed(cluster: str) -> Tree:
    """Enables the filter that bounds what is under way at that service."""
    # To Envoy an empty `config` says so, and nothing else.
    enabled = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
    return {"typed_per_filter_config": {f"shed_{cluster}": enabled}}


def _uncounted() -> Tree:
    """Disables the filter that asks how often somebody may call."""
    disabled = {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "disabled": True,
    }
    return {"typed_per_filter_config": {"limits": disabled}}


def _body_limit(bytes_max: int) -> Tree:
    limit = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        "buffer": {"max_request_bytes": bytes_max},
    }
    return {"typed_per_filter_config": {"body_limit": limit}}


def _metadata(known: Tree, **others: Tree) -> Tree:
    return {"metadata": {"filter_metadata": {"emporium": known, **others}}}


def _merged(into: Mapping[str, Any], fragment: Mapping[str, Any]) -> Tree:
    made = dict(into)
    for key, value in fragment.items():
        both_trees = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = _merged(made[key], value) if both_trees else copy.deepcopy(value)
    return made
