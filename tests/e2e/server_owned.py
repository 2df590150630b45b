"""What the server alone decides about a resource, and what a caller may send who wants to."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from google.api import annotations_pb2, field_behavior_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests import asking
from tests.asking import RPCS
from tests.campaign.http2 import Request

_HTTP: Any = annotations_pb2.http  # their stubs take them for plain descriptors
_BEHAVIOUR: Any = field_behavior_pb2.field_behavior

# Whatever a resource shows of them is decided by rules, not by who sends it; the last ones are none
# of ours, but of those who guess.
WORDS = {
    "id": "01900000-0000-7000-8000-000000000000",
    "user_id": "01900000-0000-7000-8000-000000000000",
    "role": "ADMIN",
    "status": "DISABLED",
    "email_verified": True,
    "etag": "1",
    "version": 1,
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "order_date": "2001-01-01T00:00:00Z",
    "item_count": 1,
    "subtotal": "0.01",
    "discount": "0.01",
    "shipping_price": "0.01",
    "tax": "0.01",
    "total_price": "0.01",
    "line_total": "0.01",
    "unit_price": "0.01",
    "current": True,
    "password_hash": "$2b$04$0123456789012345678901",
    "owner_id": "01900000-0000-7000-8000-000000000000",
    "is_admin": True,
    "__proto__": {"role": "ADMIN"},
}
_OF_TYPES: dict[int, Any] = {
    FieldDescriptor.CPPTYPE_INT32: 7,
    FieldDescriptor.CPPTYPE_INT64: 7,
    FieldDescriptor.CPPTYPE_STRING: "sent",
}  # what no answer has by itself


def writes() -> Iterator[MethodDescriptor]:
    """Every rpc that changes something and that REST can call, with a message of ours.

    A body that is taken as it came has no fields: what it may say, its own standard tells.
    """
    for rpc in RPCS:
        options = rpc.GetOptions()
        is_read = options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        parts = [rpc.input_type, *(field.message_type for field in rpc.input_type.fields)]
        is_ours = not any(
            part and part.full_name == HttpBody.DESCRIPTOR.full_name for part in parts
        )
        if options.Extensions[_HTTP].WhichOneof("pattern") and is_ours and not is_read:
            yield rpc


def not_taken(rpc: MethodDescriptor) -> dict[str, Any]:
    """The words, and the fields of the rpc's answer, that its request does not have."""
    taken = set(rpc.input_type.fields_by_name)
    shown = dict.fromkeys(rpc.output_type.fields_by_name, "sent")
    return {name: value for name, value in (shown | WORDS).items() if name not in taken}


def taken(rpc: MethodDescriptor) -> set[str]:
    """The words that the request has, so that rules have to decide."""
    in_path = _path_of(rpc)
    return {
        name
        for name in rpc.input_type.fields_by_name
        if name in WORDS and f"{{{name}" not in in_path
    }


def _path_of(rpc: MethodDescriptor) -> str:
    rule = rpc.GetOptions().Extensions[_HTTP]
    return str(getattr(rule, rule.WhichOneof("pattern")))


def output_only(resource: Any) -> list[FieldDescriptor]:
    """The fields that the contract calls the server's."""
    only = field_behavior_pb2.FieldBehavior.OUTPUT_ONLY
    return [field for field in resource.fields if only in field.GetOptions().Extensions[_BEHAVIOUR]]


def smuggled(rpc: MethodDescriptor) -> tuple[bytes, dict[str, Any]]:
    """Fields of the server's, encoded as the answer has them, that the request does not know."""
    wanted: Message = GetMessageClass(rpc.output_type)()
    sent = {}
    for field in output_only(rpc.output_type):
        value = _OF_TYPES.get(field.cpp_type)
        if value is not None and field.number not in rpc.input_type.fields_by_number:
            sent[field.name] = [value] if field.is_repeated else value
            if field.is_repeated:
                getattr(wanted, field.name).append(value)
            else:
                setattr(wanted, field.name, value)
    return wanted.SerializeToString(), sent


def said(good: Request, name: str, value: Any) -> Iterator[tuple[str, Request]]:
    """The call with the field as well, in every place where it can be said."""
    first, *rest = name.split("_")
    text = quote(str(value), safe="")
    path, mark, query = good.path.partition("?")
    mark = "&" if mark else "?"
    for spelled in dict.fromkeys((name, first + "".join(map(str.title, rest)))):
        yield "query", asking.at(good, f"{path}?{query}{mark if query else ''}{spelled}={text}")
        content = json.loads(good.body) if good.body else {}
        yield "body", with_body(good, content | {spelled: value})
        for field, part in content.items():
            if isinstance(part, list) and part and isinstance(part[0], dict):
                if spelled not in part[0]:
                    changed = [part[0] | {spelled: value}, *part[1:]]
                    yield f"body, in {field}", with_body(good, content | {field: changed})
            elif isinstance(part, dict) and spelled not in part:
                changed_part = part | {spelled: value}
                yield f"body, in {field}", with_body(good, content | {field: changed_part})
    yield "path", asking.at(good, f"{path};{name}={text}")
    yield "path, deeper", asking.at(good, f"{path}/{name}/{text}")


def with_body(good: Request, content: Any) -> Request:
    """The call with another body."""
    headers = tuple(pair for pair in good.headers if pair[0] != "content-type")
    headers = (*headers, ("content-type", "application/json"))
    return Request(good.verb, good.path, headers, json.dumps(content).encode())
