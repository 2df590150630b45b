"""What can be called next about what a call has made: OpenAPI's links."""

from collections.abc import Iterable, Mapping
from typing import Any

from server.contract.openapi.names import operation_id, path_fields
from server.contract.rpcs import Rpc

Links = dict[str, Any]


def between(offered: Iterable[Rpc]) -> Mapping[str, Links]:
    """The links of each rpc that makes something, by its `path`.

    They lead to every operation whose path begins with `Location`'s, and asks for nothing more.
    """
    known = list(offered)
    return {rpc.path: _from(rpc, known) for rpc in known if rpc.success.location}


def _from(rpc: Rpc, known: Iterable[Rpc]) -> Links:
    place, _, rest = rpc.success.location.partition("{")
    field = rest.removesuffix("}")
    links = {}
    for other in known:
        for binding in other.bindings:
            fields = path_fields(binding)
            if binding.template.startswith(f"{place}{{") and len(fields) == 1:
                links[operation_id(other, binding)] = {
                    "operationId": operation_id(other, binding),
                    "parameters": {fields[0]: f"$response.body#/data/{field}"},
                }
    return links
