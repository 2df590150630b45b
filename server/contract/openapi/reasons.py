"""Why an rpc may refuse: the reasons that its comment names, and those that every call meets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor_pb2 import EnumValueOptions
from google.protobuf.descriptor_pool import DescriptorPool

from emporium.errors.v1 import error_reason_pb2
from emporium.options.v1.options_pb2 import Access
from server.contract.rpcs import Rpc

_ENUM = "emporium.errors.v1.ErrorReason"
_EXAMPLE = "\n\nExample: "
_WORD = re.compile(r"\b[A-Z]{3,}(?:_[A-Z]+)*\b")
_AS_ANOTHER = re.compile(r"\bas (?:in )?([A-Z]\w+)")

_EVERYWHERE = (
    "MALFORMED_REQUEST",
    "UNKNOWN_FIELD",
    "BODY_TOO_LARGE",
    "HEADERS_TOO_LARGE",
    "NOT_ACCEPTABLE",
    "RATE_LIMITED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
)
# Where a token is sent, which it may be everywhere.
_OF_TOKENS = (
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "SESSION_ENDED",
    "API_KEY_DELETED",
    "ACCOUNT_INACTIVE",
    "INSUFFICIENT_SCOPE",
)
_OF_CHANGES = ("ETAG_MISMATCH", "CONFLICT", "OUT_OF_SPACE")
_NOT_FOR_ALL = (Access.ROLES, Access.PERSON, Access.OWNER)


@dataclass(frozen=True)
class Reason:
    """One reason, as the contract explains it."""

    name: str
    status: int  # of HTTP
    meaning: str
    example: str  # of a message beside it


def declared(pool: DescriptorPool, comments: Mapping[str, str]) -> dict[str, Reason]:
    """All of the contract's reasons, by name. Exits with a sentence when one has no example."""
    enum: Any = pool.FindEnumTypeByName(_ENUM)
    return {value.name: _reason(value, comments) for value in enum.values if value.number}


def of_rpc(
    rpc: Rpc, rpcs: Mapping[str, Rpc], known: Mapping[str, Reason], comments: Mapping[str, str]
) -> list[Reason]:
    """The reasons that `rpc` may refuse with, in the order that the contract has them.

    `rpcs` are those of its service, by name. Exits with a sentence when its comment names one that
    there is not.
    """
    names = {*_implied(rpc), *_named(rpc, rpcs, known, comments)}
    return [reason for name, reason in known.items() if name in names]


def _reason(value: Any, comments: Mapping[str, str]) -> Reason:
    meaning, found, example = comments.get(f"{_ENUM}.{value.name}", "").partition(_EXAMPLE)
    if not found:
        raise SystemExit(f"{value.name}: its comment must end in 'Example: ' and a message")
    # Known in what is parsed after the option's module was imported.
    options = EnumValueOptions.FromString(value.GetOptions().SerializeToString())
    status = options.Extensions[error_reason_pb2.http_status]
    return Reason(value.name, status, meaning, example)


def _implied(rpc: Rpc) -> Iterator[str]:
    yield from (*_EVERYWHERE, *_OF_TOKENS)
    if not rpc.public:
        yield "UNAUTHENTICATED"
    if not rpc.reads:
        yield from _OF_CHANGES
    if rpc.precondition_required:
        yield "PRECONDITION_REQUIRED"
    if any(binding.body for binding in rpc.bindings):
        yield "UNSUPPORTED_MEDIA_TYPE"
    if rpc.access.audience in _NOT_FOR_ALL:
        yield "PERMISSION_DENIED"
    if rpc.access.not_found_reason:
        yield error_reason_pb2.ErrorReason.Name(rpc.access.not_found_reason)
    if any("{" in binding.template for binding in rpc.bindings):
        yield "ROUTE_NOT_FOUND"
    yield "VALIDATION_FAILED"


def _named(
    rpc: Rpc, rpcs: Mapping[str, Rpc], known: Mapping[str, Reason], comments: Mapping[str, str]
) -> set[str]:
    comment = comments.get(f"{rpc.service}.{rpc.name}", "")
    _, _, listed = comment.partition("Errors")
    words = set(_WORD.findall(listed))
    if unknown := {word for word in words - known.keys() if "_" in word}:
        names = ", ".join(sorted(unknown))
        raise SystemExit(f"{rpc.service}.{rpc.name}: names errors that there are not: {names}")
    alike = [rpcs[name] for name in _AS_ANOTHER.findall(listed) if name in rpcs]
    return (words & known.keys()).union(
        *(_named(each, rpcs, known, comments) for each in alike if each != rpc)
    )
