"""What can be called next about what a call has made: OpenAPI's links."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from server.contract.openapi.names import operation_id, path_fields
from server.contract.rpcs import Rpc

Links = dict[str, Any]

_FIELD = re.compile(r"{(\w+)}")


def between(offered: Iterable[Rpc]) -> Mapping[str, Links]:
    """The links of each rpc that makes something, by its `path`.

    They lead to every operation whose path begins with `Location`'s, and asks for nothing more.
    """
    known = list(offered)
    return {rpc.path: _from(rpc, known) for rpc in known if rpc.success.location}


def _from(rpc: Rpc, known: Iterable[Rpc]) -> Links:
    names = _FIELD.findall(rpc.success.location)
    begins = _FIELD.sub("{}", rpc.success.location)
    links = {}
    for other in known:
        for binding in other.bindings:
            fields = path_fields(binding)
            goes_on = _FIELD.sub("{}", binding.template).startswith(begins)
            if goes_on and len(fields) == len(names):
                links[operation_id(other, binding)] = {
                    "operationId": operation_id(other, binding),
                    "parameters": {
                        field: f"$response.body#/data/{name}"
                        for field, name in zip(fields, names, strict=True)
                    },
                }
    return links
