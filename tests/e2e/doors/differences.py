"""Where the doors differ because they are meant to: each a rule with its sentence."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.options.v1 import options_pb2
from tests import asking
from tests.e2e.doors.contract import HTTP_BODY
from tests.e2e.extremes import URL_LENGTH_MAX

HTTP: Any = annotations_pb2.http  # their stubs take them for plain descriptors
BARE: Any = options_pb2.bare

REST = "REST"
_NO_HEADER = re.compile(r"^[ \t]|[ \t]$|[^ -~]")
_NO_PART = re.compile(r"^\.{1,2}$|[/\\\x00-\x1f\x7f]")
# The reasons of a token whose status is 401.
UNAUTHORIZED = {"INVALID_TOKEN", "TOKEN_EXPIRED", "UNAUTHENTICATED"}

# When it was asked for: no two answers say the same.
MOMENTARY = {
    "emporium.user.v1.ExportUserResponse.exported_at",
    "emporium.user.v1.WatchRevocationsResponse.read_after",
}

# The log of calls, which every call that reads it is entered in.
LOG = "audit_events"
BEGAN = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def settled(message: Any) -> Any:
    """The request, about what was there before the first call, where it is one for the log."""
    if message.DESCRIPTOR.name == "ListAuditEventsRequest" and not message.created_before:
        message.created_before = BEGAN
    return message


def unsaid_by(door: str, rpc: MethodDescriptor, message: Message) -> str:
    """Why the call cannot be made by that door; empty where it can."""
    if door == REST:
        return (
            _unsaid_by_json(message) or _unsaid_by_header(message) or _unsaid_by_path(rpc, message)
        )
    return ""


def _unsaid_by_header(message: Any) -> str:
    """A body that is taken as it comes has its type in a header."""
    if message.DESCRIPTOR.full_name == HTTP_BODY and _NO_HEADER.search(message.content_type):
        return "a header has no spaces at its ends, and no controls"
    return ""


def _unsaid_by_path(rpc: MethodDescriptor, message: Message) -> str:
    rule = rpc.GetOptions().Extensions[HTTP]
    verb = rule.WhichOneof("pattern")
    if verb is None:
        return "what only services call has no path"
    values = [getattr(message, name) for name in re.findall(r"{(\w+)", getattr(rule, verb))]
    if not all(values) or any(_NO_PART.search(value) for value in values):
        return "a part of a path is not empty, has no slashes and controls, and is no dots"
    if len(next(asking.by_rest(rpc, message)).path) > URL_LENGTH_MAX:
        return "a URL has an end"
    return ""


def _unsaid_by_json(message: Message) -> str:
    try:
        MessageToDict(message)
    except (SerializeToJsonError, ValueError):
        return "JSON has words for the years 1 to 9999 alone, and none for a mask of such a name"
    return ""


def in_words_of_rest(rpc: MethodDescriptor, told: Sequence[Any]) -> Sequence[Any]:
    """What REST says where gRPC says `told`: where RFC 6749 has words of its own, those."""
    words: Mapping[int, str] = {
        each.reason: each.error for each in rpc.GetOptions().Extensions[BARE].oauth_errors
    }
    if not words or not isinstance(told[0], tuple):
        return told
    reason, message, *_ = told[0]
    otherwise = "invalid_client" if reason in UNAUTHORIZED else "invalid_request"
    return [(words.get(ErrorReason.Value(reason), otherwise), message, [], 0.0)]
