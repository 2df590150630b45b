"""How operations are called, and what their paths name."""

import re

from server.contract.rpcs import Binding, Rpc

_PLACEHOLDER = re.compile(r"{([\w.]+)(?:=[^}]*)?}")


def operation_id(rpc: Rpc, binding: Binding) -> str:
    """The rpc's own name; with a number where it has several paths."""
    number = rpc.bindings.index(binding) + 1
    return rpc.name if number == 1 else f"{rpc.name}{number}"


def path_of(binding: Binding) -> str:
    """The path as OpenAPI has it."""
    return _PLACEHOLDER.sub(r"{\1}", binding.template)


def path_fields(binding: Binding) -> list[str]:
    """The fields that the path says."""
    return _PLACEHOLDER.findall(binding.template)
