"""What REST takes, as JSON Schema with the contract's validation rules."""

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

import protovalidate
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from server.contract import rules
from server.contract.openapi import validation
from server.contract.openapi.schemas import Schema, Schemas, short_name
from server.kit.call.choices import choices

# By REST their emptiness is refused where they are named (server/kit/call/edge_headers.py).
_NEVER_EMPTY = ("request_id", "etag")
_BEHAVIOR: Any = field_behavior_pb2.field_behavior  # its stub takes it for a plain descriptor


class Requests(Schemas):
    """The schemas of requests. They have no members but those that are named.

    `taken` are names that responses have: a message that is both is another component here, because
    a response keeps no rule.
    """

    def __init__(
        self, pool: DescriptorPool, comments: Mapping[str, str], taken: Collection[str]
    ) -> None:
        super().__init__(pool, comments)
        self._taken = taken
        self._validator = protovalidate.Validator()

    def of_body(self, message: Any, elsewhere: Collection[str]) -> Schema:
        """The schema of a body that says all of `message` but the fields said `elsewhere`."""
        name = self._name(message)
        reference = self.reference(name, message)
        component = self.components[name]
        for field in elsewhere:
            component["properties"].pop(field, None)
        if required := [each for each in component.get("required", []) if each not in elsewhere]:
            component["required"] = required
        else:
            component.pop("required", None)
        return reference

    def required(self, message: Any) -> list[str]:
        """The fields that `message` calls required, and those without which its rules refuse it."""
        empty = GetMessageClass(message)()
        broken = [found.proto.field for found in self._validator.collect_violations(empty)]
        refused = {path.elements[0].field_name for path in broken if path and path.elements}
        return [field.name for field in message.fields if field.name in refused or _is_asked(field)]

    def _component(self, described: Any) -> Schema:
        required = self.required(described)
        said = [rule.message for rule in rules.of_message(self.pool, described).cel]
        about = self.described(described) | ({"x-emporium-rules": said} if said else {})
        return {
            "type": "object",
            **about,
            "properties": {field.name: self.of_field(field) for field in described.fields},
            **({"required": required} if required else {}),
            **_exclusions(described),
            **self._choice(described),
            "additionalProperties": False,
        }

    def _choice(self, message: Any) -> Schema:
        """That of some fields there is one, which is not empty."""
        choices = [
            [{"required": [name]} | _filled(message.fields_by_name[name]) for name in oneof.fields]
            for oneof in rules.of_message(self.pool, message).oneof
            if oneof.required
        ]
        return {"allOf": [{"oneOf": each} for each in choices]} if choices else {}

    def of_field(self, field: Any) -> Schema:
        its = rules.of_field(self.pool, field)
        said = validation.of_words(its)
        return super().of_field(field) | ({"x-emporium-rules": said} if said else {})

    def _map(self, field: Any) -> Schema:
        its = rules.of_field(self.pool, field)
        made = super()._map(field) | validation.of_map(its)
        made["additionalProperties"] |= validation.of_value(its.map.values)
        return made

    def _list(self, field: Any) -> Schema:
        its = rules.of_field(self.pool, field)
        made = super()._list(field) | validation.of_list(its)
        made["items"] |= validation.of_value(its.repeated.items)
        return made

    def _value(self, field: Any) -> Schema:
        made = super()._value(field)
        if field.is_repeated or field.containing_type.GetOptions().map_entry:
            return made  # the rules are of the whole
        its = rules.of_field(self.pool, field)
        made |= validation.of_value(its)
        if field.name in _NEVER_EMPTY:
            return made | {"minLength": 1}
        return validation.or_empty(made, its)

    def _enum(self, field: Any) -> Schema:
        return {"type": "string", "enum": choices(field, self._validator)}

    def _name(self, described: Any) -> str:
        name = short_name(described)
        return f"{name}Input" if name in self._taken else name


def _exclusions(message: Any) -> Schema:
    """That of each oneof there is one member at most. An `optional` field is one too, of itself."""
    pairs = [
        {"required": [one.name, other.name]}
        for oneof in message.oneofs
        for one, other in combinations(oneof.fields, 2)
    ]
    return {"not": {"anyOf": pairs} if len(pairs) > 1 else pairs[0]} if pairs else {}


def _filled(field: Any) -> Schema:
    least = {"minItems": 1} if field.is_repeated else {"minLength": 1}
    return {"properties": {field.name: least}}


def _is_asked(field: Any) -> bool:
    options = FieldOptions.FromString(field.GetOptions().SerializeToString())
    return field_behavior_pb2.REQUIRED in options.Extensions[_BEHAVIOR]
