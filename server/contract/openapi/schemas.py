"""Messages as JSON Schema, by Protobuf's mapping to JSON, with the names of the protos."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool

Schema = dict[str, Any]

PAGE_META = "emporium.type.v1.PageMeta"

# Paths with commas between them. Brackets and quotes would name keys of maps, which nothing takes.
_MASK = "^[A-Za-z0-9_.*,]*$"

# What JSON writes as something other than the message's fields.
_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.FieldMask": {"type": "string", "pattern": _MASK},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Value": {},
}
_INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64: Schema = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_UINT32: Schema = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1}
_INT32: Schema = {"type": "integer", "format": "int32"}
_Type = FieldDescriptor
_SCALARS: Mapping[int, Schema] = {
    _Type.TYPE_BOOL: {"type": "boolean"},
    _Type.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _Type.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _Type.TYPE_FLOAT: {"type": "number", "format": "float"},
    _Type.TYPE_STRING: {"type": "string"},
    _Type.TYPE_INT32: _INT32,
    _Type.TYPE_SINT32: _INT32,
    _Type.TYPE_SFIXED32: _INT32,
    _Type.TYPE_UINT32: _UINT32,
    _Type.TYPE_FIXED32: _UINT32,
    _Type.TYPE_INT64: _INT64,
    _Type.TYPE_SINT64: _INT64,
    _Type.TYPE_SFIXED64: _INT64,
    _Type.TYPE_UINT64: _UINT64,
    _Type.TYPE_FIXED64: _UINT64,
}


class Schemas(ABC):
    """The schemas of messages of one direction, collected as they are asked for.

    `components` are those collected, by the names that references have for them.
    """

    def __init__(self, pool: DescriptorPool, comments: Mapping[str, str]) -> None:
        self.pool = pool
        self.comments = comments
        self.components: dict[str, Schema] = {}
        self._messages: dict[str, str] = {}  # each component's, by its full name

    def reference(self, name: str, described: Any) -> Schema:
        """Refers to the component `name` of `described`, which is made if there is none yet."""
        if self._messages.setdefault(name, described.full_name) != described.full_name:
            both = f"{self._messages[name]} and {described.full_name}"
            raise SystemExit(f"{both}: OpenAPI has one name for both, '{name}'")
        if name not in self.components:
            self.components[name] = {}  # before its fields, which may hold it again
            self.components[name] = self._component(described)
        return {"$ref": f"#/components/schemas/{name}"}

    def described(self, part: Any) -> Schema:
        """What the contract says of `part`, for people."""
        comment = self.comments.get(part.full_name, "")
        deprecated = {"deprecated": True} if part.GetOptions().deprecated else {}
        return ({"description": comment} if comment else {}) | deprecated

    def of_field(self, field: Any) -> Schema:
        """The schema of a field, with its comment."""
        described = self.described(field)
        password = field.type == _Type.TYPE_STRING and field.GetOptions().debug_redact
        secret = {"format": "password"} if password else {}
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return self._map(field) | described
        if field.is_repeated:
            return self._list(field) | described
        return self._value(field) | secret | described

    @abstractmethod
    def _component(self, described: Any) -> Schema:
        """The schema of a message or of an enum itself, which others refer to."""

    def _map(self, field: Any) -> Schema:
        value = self._value(field.message_type.fields_by_name["value"])
        return {"type": "object", "additionalProperties": value}

    def _list(self, field: Any) -> Schema:
        return {"type": "array", "items": self._value(field)}

    def _value(self, field: Any) -> Schema:
        if field.message_type is not None:
            return self.of_message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field)
        return dict(_SCALARS[field.type])

    def of_message(self, message: Any) -> Schema:
        """The schema of a message: a reference, unless JSON has a form of its own for it."""
        known = _KNOWN.get(message.full_name)
        return dict(known) if known is not None else self.reference(self._name(message), message)

    def _name(self, described: Any) -> str:
        return short_name(described)

    @abstractmethod
    def _enum(self, field: Any) -> Schema:
        """The schema of a field that has an enum's values."""


def short_name(described: Any) -> str:
    """The name without its package: `User.Status`."""
    return str(described.full_name).removeprefix(f"{described.file.package}.")
