"""Envoy's routes: one for each way to call each rpc, composed of hand-written fragments."""

import copy
import re
from collections.abc import Mapping
from typing import Any

from server.contract.rpcs import Binding, Rpc

Tree = dict[str, Any]


def configuration(rpcs: list[Rpc], template: Mapping[str, Any]) -> Tree:
    """The route configuration of `template`, with the contract's routes before its own."""
    kinds: Mapping[str, Tree] = template["kinds"]
    made: Tree = copy.deepcopy(template["route_configuration"])
    host = made["virtual_hosts"][0]
    host["routes"] = [*_rest(rpcs, kinds), *_grpc(rpcs, kinds), *host["routes"]]
    return made


def _rest(rpcs: list[Rpc], kinds: Mapping[str, Tree]) -> list[Tree]:
    """Fixed paths first, which cost one comparison; then patterns, the most specific first."""
    pairs = [(binding, rpc) for rpc in rpcs for binding in rpc.bindings]
    pairs.sort(key=lambda pair: ("{" in pair[0].template, -len(_pattern(pair[0].template))))
    return [_route(rpc, _match_rest(binding), kinds, "rest") for binding, rpc in pairs]


def _grpc(rpcs: list[Rpc], kinds: Mapping[str, Tree]) -> list[Tree]:
    return [_route(rpc, {"path": rpc.path}, kinds, "grpc") for rpc in rpcs]


def _match_rest(binding: Binding) -> Tree:
    verb = {"name": ":method", "string_match": {"exact": binding.verb}}
    if "{" in binding.template:
        return {"safe_regex": {"regex": _pattern(binding.template)}, "headers": [verb]}
    return {"path": binding.template, "headers": [verb]}


def _pattern(template: str) -> str:
    """The regular expression of a path template such as `/api/v1/users/{user_id}`."""
    literals = re.split(r"\{[^{}]*\}", template)
    return "[^/]+".join(re.escape(literal).replace(r"\-", "-") for literal in literals)


def _route(rpc: Rpc, match: Tree, kinds: Mapping[str, Tree], protocol: str) -> Tree:
    route: Tree = {"name": rpc.path.removeprefix("/"), "match": match}
    if rpc.internal:
        return _merged(route, kinds["closed"])
    applying = [protocol]
    applying += [kind for kind in ("streaming", "public", "safe") if getattr(rpc, kind)]
    for kind in applying:
        route = _merged(route, kinds[kind])
    route["route"]["cluster"] = rpc.cluster
    metadata: Tree = {}
    if rpc.limit:
        # Read by the rate limiter in envoy.yaml, which knows what the name allows.
        metadata["emporium"] = {"limit": rpc.limit}
    if rpc.enums and protocol == "rest":
        # Read by rest.lua, when the transcoder does not know a name.
        metadata["rest"] = {"enums": dict(rpc.enums)}
    if metadata:
        route["metadata"] = {"filter_metadata": metadata}
    return route


def _merged(into: Mapping[str, Any], fragment: Mapping[str, Any]) -> Tree:
    made = dict(into)
    for key, value in fragment.items():
        both_trees = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = _merged(made[key], value) if both_trees else copy.deepcopy(value)
    return made
