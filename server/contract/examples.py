"""A request of each rpc for people to start from, by the contract's own rules and comments.

What must be there already, or be new, and what is secret, is a variable by the field's name:
`{{order_id}}`. Everything else is a value that the field's rules take: one that its comment has in
backticks, where there is one.
"""

import base64
import json
import re
from typing import Any

import protovalidate
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message_factory import GetMessageClass

from server.contract import rpcs, rules
from server.contract.openapi import comments
from server.contract.openapi.requests import Requests
from server.contract.rpcs import Rpc
from server.kit.call.choices import choices

Json = dict[str, Any]

VARIABLE = re.compile(r"\{\{(\w+)\}\}")
# What an HttpBody is of an rpc that answers as RFC 6749 has it (section 4.4.2).
OAUTH_FORM = "grant_type=client_credentials&client_id={{api_key_id}}&client_secret={{secret}}"

_RAW = "google.api.HttpBody"
# What one is that a payment provider sends, with a signature of its own.
NOTICE = {"id": "example", "key": "01900000-0000-7000-8000-000000000000"}

_IN_PATH = re.compile(r"\{(\w+)")
_QUOTED = re.compile(r"`([^`]+)`")
_WORDS = ("Example", "example", "EXAMPLE", "1.25")
_WHOLE_NUMBERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT32)
# No change by themselves.
_ABOUT_THE_CALL = ("request_id", "etag", "update_mask")


class Examples:
    """Makes them. Exits with a sentence where nothing fits a field, nor is said in its comment."""

    def __init__(self, image: FileDescriptorSet) -> None:
        self._pool = rpcs.pool_of(image)
        self._comments = comments.read(image)
        self._requests = Requests(self._pool, self._comments, ())
        self._validator = protovalidate.Validator()

    def of(self, rpc: Rpc) -> Json:
        """The request as JSON: what it needs; where all is optional in a body, one field of it."""
        message: Any = self._pool.FindMessageTypeByName(rpc.request)
        said = self._comments.get(f"{rpc.service}.{rpc.name}", "")
        made = self._message(message, said)
        in_path = {name for each in rpc.bindings for name in _IN_PATH.findall(each.template)}
        if not rpc.bindings or not rpc.bindings[0].body or made.keys() - in_path:
            return made
        others = (each for each in message.fields if each.name not in {*in_path, *_ABOUT_THE_CALL})
        return made | {field.name: self._value(field, said) for field in [*others][:1]}

    def _message(self, message: Any, said: str) -> Json:
        needed = {*self._requests.required(message), *_identifiers(message)}
        fields = sorted(message.fields, key=lambda field: field.name not in needed)
        made: Json = {}
        for field in fields:
            if field.name not in needed and not self._refused(message, made):
                break
            made[field.name] = self._value(field, said)
        return made

    def _value(self, field: Any, said: str) -> Any:
        if field.is_repeated:
            return [self._one(field, said)]
        return self._one(field, said)

    def _one(self, field: Any, said: str) -> Any:
        if field.message_type is not None and field.message_type.full_name == _RAW:
            return {
                "content_type": "application/json",
                "data": base64.b64encode(json.dumps(NOTICE).encode()).decode(),
            }
        if field.message_type is not None:
            return self._message(field.message_type, said)
        if field.enum_type is not None:
            known = choices(field, self._validator)
            return known[min(1, len(known) - 1)]  # the first is what it is anyway
        its = rules.of_field(self._pool, field)
        is_new = f"{field.name.upper()}_TAKEN" in said
        if is_new or its.string.uuid or its.string.email or field.GetOptions().debug_redact:
            return f"{{{{{field.name}}}}}"
        return self._fitting(field, its)

    def _fitting(self, field: Any, its: Any) -> Any:
        quoted = _QUOTED.findall(self._comments.get(field.full_name, ""))
        if field.type in _WHOLE_NUMBERS:
            quoted = [int(each) for each in quoted if each.isdecimal()]
        allowed = list(getattr(its.repeated.items.string, "in"))
        for value in (*allowed, *quoted, *_WORDS, 1, True):
            content = {field.name: [value] if field.is_repeated else value}
            if not self._refused(field.containing_type, content, field.name):
                return value
        raise SystemExit(
            f"{field.full_name}: no example of it is known; name one in its comment, in backticks"
        )

    def _refused(self, message: Any, content: Json, name: str = "") -> bool:
        """Whether its rules refuse the content; those of one field alone, where that is named."""
        try:
            read = ParseDict(_without_variables(content), GetMessageClass(message)())
        except ParseError:
            return True
        paths = [each.proto.field for each in self._validator.collect_violations(read)]
        if not name:
            return bool(paths)
        return any(path and path.elements[0].field_name == name for path in paths)


def _identifiers(message: Any) -> list[str]:
    """What tells a resource from others of its kind: with it, the example can be made again."""
    behavior: Any = field_behavior_pb2.field_behavior  # its stub takes it for a plain descriptor
    return [
        field.name
        for field in message.fields
        if field_behavior_pb2.IDENTIFIER in field.GetOptions().Extensions[behavior]
    ]


def _without_variables(part: Any) -> Any:
    """The same with values that rules take for variables."""
    if isinstance(part, dict):
        return {name: _without_variables(each) for name, each in part.items()}
    if isinstance(part, list):
        return [_without_variables(each) for each in part]
    if isinstance(part, str) and (found := VARIABLE.fullmatch(part)):
        known = {"email": "ann@example.com", "totp_code": "123456"}
        is_id = found[1].endswith("_id")
        return known.get(found[1], "01900000-0000-7000-8000-000000000000" if is_id else "lamp-1234")
    return part
