"""Good calls of every rpc of the contract, by REST and by gRPC, without a token."""

import base64
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from emporium.order.v1 import return_service_pb2
from tests.bench.http2 import framed
from tests.campaign.http2 import Answer, Request
from tests.discovery import contract
from tests.e2e.extreme_requests import base

RPCS = [rpc for service in contract() for rpc in service.methods]

_HTTP: Any = annotations_pb2.http  # its stub takes it for a plain descriptor
_GRPC = (("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "10S"))
_JSON = (("content-type", "application/json"),)
FRAME_BYTES = 5  # before the message in a body
_ID = "01900000-0000-7000-8000-000000000000"


def good(rpc: MethodDescriptor) -> Any:
    """A request that is valid by the contract, about what need not be there."""
    of = SimpleNamespace(id=_ID)
    names = ["user", "order", "product", "category", "promotion", "tax_rate", "method", "shipment"]
    names += ["address", "cart", "webhook", "returned"]
    scene: Any = SimpleNamespace(**dict.fromkeys(names, of))
    message = base(rpc.name, scene)
    if rpc.name == "UpdateReturn":  # what its buyer may do as well
        message.ClearField("items")
        message.status = return_service_pb2.Return.CANCELLED
    return message


def by_grpc(rpc: MethodDescriptor, message: Message) -> Request:
    """The call by its own name, which is its path."""
    assert rpc.containing_service is not None
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    return Request("POST", path, _GRPC, framed(message.SerializeToString()))


def by_rest(rpc: MethodDescriptor, message: Message) -> Iterator[Request]:
    """The same by each of its REST paths; none for an rpc that has none."""
    rule = rpc.GetOptions().Extensions[_HTTP]
    for each in (rule, *rule.additional_bindings):
        if verb := each.WhichOneof("pattern"):
            yield _rest(each, str(verb), message)


def answer_of(rpc: MethodDescriptor, answer: Answer) -> Any:
    """The message that a gRPC answer holds."""
    return GetMessageClass(rpc.output_type).FromString(bytes(answer.body)[FRAME_BYTES:])


def reason(answer: Answer) -> str:
    """Why it was refused; empty where it was not."""
    if not answer.outcome.startswith("grpc"):
        error = "" if answer.is_success else json.loads(answer.body)["error"]
        return error if isinstance(error, str) else str(error["code"])  # OAuth has words of its own
    padded = answer.headers.get("grpc-status-details-bin", "")
    info = ErrorInfo()
    for detail in Status.FromString(base64.b64decode(padded + "=" * (-len(padded) % 4))).details:
        detail.Unpack(info)
    return info.reason


def with_header(request: Request, name: str, value: str | None) -> Request:
    """The same call with one header more; None: as it is."""
    more = () if value is None else ((name, value),)
    return Request(request.verb, request.path, (*request.headers, *more), request.body)


def at(request: Request, path: str) -> Request:
    """The same call of another path."""
    return Request(request.verb, path, request.headers, request.body)


def _rest(rule: Any, verb: str, message: Message) -> Request:
    content = MessageToDict(message, preserving_proto_field_name=True)

    def filled(name: re.Match[str]) -> str:
        return quote(str(content.pop(name[1], "none")), safe="")

    path = re.sub(r"{(\w+)[^}]*}", filled, getattr(rule, verb))
    if rule.body not in ("", "*"):  # bytes that come as they are
        return Request(verb.upper(), path, _JSON, getattr(message, rule.body).data)
    if rule.body:
        return Request(verb.upper(), path, _JSON, json.dumps(content).encode())
    query = f"?{urlencode(content, doseq=True)}" if content else ""
    return Request(verb.upper(), path + query)
