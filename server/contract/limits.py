"""How often callers may call, by the classes of the contract."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from emporium.options.v1.limits_pb2 import CallLimit, call_limit
from emporium.type.v1.role_pb2 import Role

_ENUM = "RateLimitClass"
_ADDRESS = "masked_remote_address"


@dataclass(frozen=True)
class LimitClass:
    """A class of callers, and its limit."""

    name: str
    limit: CallLimit


def read(image: FileDescriptorSet) -> list[LimitClass]:
    """The classes of `image`, in the order of their numbers."""
    # Parsed again: options are only known in what is parsed after their module was imported.
    known = FileDescriptorSet.FromString(image.SerializeToString())
    return [
        LimitClass(value.name.lower(), value.options.Extensions[call_limit])
        for file in known.file
        for enum in file.enum_type
        if enum.name == _ENUM
        for value in enum.value
        if value.options.HasExtension(call_limit)
    ]


def of_rpcs(classes: list[LimitClass]) -> set[str]:
    """The names that an rpc may give to the limit that it has beside others."""
    return {each.name for each in classes if each.limit.per == CallLimit.ADDRESS_IN_RPCS}


def configuration(classes: list[LimitClass]) -> dict[str, Any]:
    """The classes as a file of Envoy's reference rate limit service has them."""
    return {
        "domain": "emporium",
        "descriptors": [each for one in classes for each in _descriptors(one)],
    }


def _descriptors(one: LimitClass) -> Iterator[dict[str, Any]]:
    limit = {
        "rate_limit": {
            "name": one.name,
            "unit": "minute",
            "requests_per_unit": one.limit.calls_per_minute,
        }
    }
    if one.limit.per == CallLimit.SUBJECT:
        for role in one.limit.roles:
            yield {
                "key": "role",
                "value": Role.Name(role),
                "descriptors": [{"key": "subject", **limit}],
            }
        if not one.limit.roles:
            yield {"key": "role", "descriptors": [{"key": "subject", **limit}]}
        return
    in_rpcs = one.limit.per == CallLimit.ADDRESS_IN_RPCS
    key, value = ("limit", one.name) if in_rpcs else ("anonymous", "yes")
    yield {"key": key, "value": value, "descriptors": [{"key": _ADDRESS, **limit}]}
