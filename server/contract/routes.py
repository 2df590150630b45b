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
    documents: list[Tree] = template["documents"]
    fixed = [*template["probes"], *(each["path"] for each in documents)]
    host["routes"] = [
        *copy.deepcopy(template["first"]),
        *(_route(rpc, _match_rest(binding), kinds, binding.template) for binding, rpc in pairs),
        *(_route(rpc, _match_grpc(rpc), kinds) for rpc in rpcs),
        *(route for each in documents for route in _document(each, kinds, etags[each["file"]])),
        *_heads(pairs, kinds),
        *copy.deepcopy(template["between"]),
        *_other_verbs(pairs, kinds, fixed),
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
    documents: list[Tree] = template["documents"]
    host["routes"] = [
        *(route for each in documents for route in _answer(each, etags[each["file"]])),
        *host["routes"],
    ]
    return made


def _answer(document: Tree, etag: str) -> Iterator[Tree]:
    headers = document["headers"] | {"etag": f'"{etag}"'}
    added = [_header(name, value) for name, value in headers.items()]
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
            "match": {"path": document["path"], "headers": [_header_match(_TOLD, told)]},
            "direct_response": response,
            "response_headers_to_add": [*added, *more],
        }


def _document(document: Tree, kinds: Mapping[str, Tree], etag: str) -> Iterator[Tree]:
    """The way to a file, and the way of whoever has it already."""
    match = {"path": document["path"], "headers": [_header_match(":method", "GET|HEAD")]}
    known = match | {"headers": [*match["headers"], _header_match("if-none-match", _any(etag))]}
    path = _metadata({"path": document["path"]})
    for name, matching, told in (("unchanged", known, "304"), ("document", match, "200")):
        route = {
            "name": name,
            "match": matching,
            "request_headers_to_add": [_header(_TOLD, told)],
        }
        yield _merged(_merged(_merged(route, kinds["told"]), kinds["document"]), path)


def _header_match(name: str, pattern: str) -> Tree:
    return {"name": name, "string_match": {"safe_regex": {"regex": pattern}}}


def _header(name: str, value: str) -> Tree:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _any(etag: str) -> str:
    """How If-None-Match names the etag, alone or among others; weak ones compare as equal."""
    return rf'\s*\*\s*|(.*,)?\s*(W/)?"{etag}"\s*(,.*)?'


def _heads(pairs: list[tuple[Binding, Rpc]], kinds: Mapping[str, Tree]) -> Iterator[Tree]:
    """HEAD is asked as GET (envoy/rest.lua), and few ask so: behind everything that is called."""
    for binding, rpc in pairs:
        if binding.verb == "GET":
            head = _match_rest(Binding("HEAD", binding.template))
            yield _route(rpc, head, kinds, binding.template)


def _other_verbs(
    pairs: list[tuple[Binding, Rpc]], kinds: Mapping[str, Tree], fixed: list[str]
) -> Iterator[Tree]:
    bindings = [Binding("GET", path) for path in fixed] + [binding for binding, _ in pairs]
    # Of two templates that are the same but for a placeholder's name, the first.
    templates = {_pattern(each.template): each.template for each in reversed(bindings)}
    # A path whose refusals are OAuth's has this one in OAuth's words, too (rest.lua).
    bare = {_pattern(b.template): rpc.bare for b, rpc in pairs if rpc.bare.get("oauth_errors")}
    for pattern in dict.fromkeys(_pattern(binding.template) for binding in bindings):
        path = pattern.replace(_ID, _ANY).replace("\\", "")
        verbs = {each.verb for each in bindings if re.fullmatch(_pattern(each.template), path)}
        verbs |= {"OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())
        allow = _header(_ALLOW, _listed(verbs))
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
    applying = ["rest" if template else "grpc"]
    applying += [kind for kind in ("streaming", "public", "safe") if getattr(rpc, kind)]
    for kind in applying:
        route = _merged(route, kinds[kind])
    route["route"]["cluster"] = rpc.cluster
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
    if rpc.bare:
        told["bare"] = dict(rpc.bare)
    if rpc.json_bytes > BODY_BYTES_MAX:
        told["body_bytes_max"] = str(rpc.json_bytes)
        route = _merged(route, _body_limit(rpc.json_bytes))
    others = {"rest": told, "body_fields": lists}
    return _merged(
        route, _metadata(metadata, **{name: each for name, each in others.items() if each})
    )


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
