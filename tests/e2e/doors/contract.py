"""What the contract says of requests: the rules, the comments, and the example of each rpc."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import protovalidate
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.contract import examples, rpcs, rules
from server.contract.examples import VARIABLE, Examples
from server.contract.openapi import comments
from server.contract.openapi.requests import Requests
from server.kit.call.choices import choices
from server.kit.descriptors import IMAGE
from tests.access_oracle import Whose
from tests.e2e.doors.stand_ins import NEW, OWN, PASSWORD, id_of
from tests.e2e.extreme_requests import FORM

HTTP_BODY = "google.api.HttpBody"
_QUOTED = re.compile(r"`([^`\s]+)`")


class Contract:
    """Of the image that the services go by."""

    def __init__(self, image: FileDescriptorSet) -> None:
        self._pool = rpcs.pool_of(image)
        self._comments = comments.read(image)
        self._requests = Requests(self._pool, self._comments, ())
        self._examples = Examples(image)
        self._rpcs = {f"{rpc.service}.{rpc.name}": rpc for rpc in rpcs.read(image)}
        self._validator = protovalidate.Validator()

    def described(self, rpc: MethodDescriptor) -> Any:
        """The request, with its rules."""
        return self._pool.FindMessageTypeByName(rpc.input_type.full_name)

    def rules_of(self, field: Any) -> Any:
        """The rules of a field."""
        return rules.of_field(self._pool, field)

    def required(self, message: Any) -> list[str]:
        """The fields without which the message is refused."""
        return self._requests.required(message)

    def choices(self, field: Any) -> list[int]:
        """What an enum's field may hold."""
        known = choices(field, self._validator)
        return [field.enum_type.values_by_name[name].number for name in known]

    def words(self, field: Any) -> list[str]:
        """What its comment has in backticks and it takes; of `field:asc`, with each field."""
        said = _QUOTED.findall(self._comments.get(field.full_name, ""))
        if "field:asc" in said:
            said = [f"{name}:{way}" for name in said if ":" not in name for way in ("asc", "desc")]
        return [each for each in said if self.takes(field, each)]

    def takes(self, field: Any, text: str) -> bool:
        """Whether its rules take the text."""
        try:
            content = {field.name: [text] if field.is_repeated else text}
            ruled = GetMessageClass(field.containing_type)(**content)
        except (TypeError, ValueError):
            return False  # a lone surrogate
        return field.name not in {path.partition(".")[0] for path in self._violations(ruled)}

    def violations(self, message: Message) -> list[str]:
        """The fields for which its rules refuse a message of the stubs, by their paths."""
        described = self._pool.FindMessageTypeByName(message.DESCRIPTOR.full_name)
        content = message.SerializeToString()
        return self._violations(GetMessageClass(described).FromString(content))

    def is_new(self, rpc: MethodDescriptor, name: str) -> bool:
        """Whether the rpc takes, in the field of that name, only what nothing else has.

        So is a key of a call: a service is the same caller by every door, with the same keys.
        """
        is_taken_once = f"{name.upper()}_TAKEN" in self._comments.get(rpc.full_name, "")
        return is_taken_once or name == "request_id"

    def stand_in(self, rpc: MethodDescriptor, name: str) -> str:
        """For what the field of that name has to name, of the caller's own."""
        if name.endswith("password"):
            return PASSWORD
        if self.is_new(rpc, name):
            return f"{NEW}@example.com" if name == "email" else NEW
        return OWN[name] if name in OWN else id_of(name, Whose.OWN)

    def form(self, rpc: MethodDescriptor) -> str:
        """The example of a body that is taken as it comes."""
        return str(_filled(examples.OAUTH_FORM, lambda name: self.stand_in(rpc, name)))

    def example(self, rpc: MethodDescriptor) -> Message:
        """The least that is good: the example that people are shown of what the edge offers."""
        if rpc.input_type.full_name == HTTP_BODY:
            return form_of(rpc, self.form(rpc))
        shown = self._examples.of(self._rpcs[rpc.full_name])
        content = _filled(shown, lambda name: self.stand_in(rpc, name))
        return ParseDict(content, GetMessageClass(rpc.input_type)())

    def complete(self, rpc: MethodDescriptor, message: Message, path: Sequence[str]) -> None:
        """Has the message have the part at the path, as in examples."""
        part, described = message, self.described(rpc)
        for name in path:
            described = described.fields_by_name[name].message_type
            within = getattr(part, name)
            is_list = part.DESCRIPTOR.fields_by_name[name].is_repeated
            there = bool(within) if is_list else part.HasField(name)
            if not there:
                shown = self._examples._message(described, "")
                content = _filled(shown, lambda variable: self.stand_in(rpc, variable))
                ParseDict(content, within.add() if is_list else within)
            part = within[0] if is_list else within

    def _violations(self, ruled: Message) -> list[str]:
        found = [each.proto.field for each in self._validator.collect_violations(ruled)]
        # What is wrong with the whole names no field.
        return [
            ".".join(each.field_name for each in path.elements) if path else "" for path in found
        ]


@cache
def contract() -> Contract:
    """The one that the services go by."""
    return Contract(FileDescriptorSet.FromString(IMAGE.read_bytes()))


def form_of(rpc: MethodDescriptor, text: str) -> Message:
    """The request that is such a form."""
    form: Message = GetMessageClass(rpc.input_type)(content_type=FORM, data=text.encode())
    return form


def _filled(part: Any, word: Callable[[str], str]) -> Any:
    """An example with a word for each variable."""
    if isinstance(part, dict):
        return {name: _filled(each, word) for name, each in part.items()}
    if isinstance(part, list):
        return [_filled(each, word) for each in part]
    return VARIABLE.sub(lambda at: word(at[1]), part) if isinstance(part, str) else part
