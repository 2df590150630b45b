"""What envoy/rest.lua requires of every response message."""

from collections.abc import Callable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

# The fields that the envelope takes are last in the JSON, where rest.lua finds them without parsing
# the rest. JSON has the order of the fields' numbers. Short fields and ids may follow an etag. One
# with nothing but values before it is the first member of that name, whatever follows: no value
# holds a name. Nor does a message whose members are such and are called otherwise.
LAST = ("etag", "meta")
# And what only `expand` brings: then the answer has no etag, because it changes without it.
EXPANDED = ("user",)
_Type = FieldDescriptorProto
Find = Callable[[str], DescriptorProto | None]
_TIMESTAMP = ".google.protobuf.Timestamp"  # JSON has a text for it
_SHORT = {_Type.TYPE_INT32, _Type.TYPE_UINT32, _Type.TYPE_BOOL, _Type.TYPE_ENUM}


def misplaced(image: FileDescriptorSet) -> Iterator[str]:
    """Names, in a sentence each, the fields whose place rest.lua would not find."""
    messages = {
        f".{file.package}.{message.name}": message
        for file in image.file
        for message in file.message_type
    }
    answers = {
        rpc.output_type
        for file in image.file
        if file.package.startswith("emporium.")
        for service in file.service
        for rpc in service.method
    }
    for name in sorted(answers):
        fields = _in_order(messages[name])
        for at, field in enumerate(fields):
            behind = fields[at + 1 :]
            is_found = all(field.name == "etag" and _is_short(each) for each in behind)
            is_found = is_found or (
                field.name == "etag" and has_first_etag(messages[name], messages.get)
            )
            if field.name in LAST and not is_found:
                yield f"{name[1:]}: '{field.name}' must be last, where envoy/rest.lua looks"


def has_first_etag(message: DescriptorProto, find: Find = lambda _: None) -> bool:
    """Whether the etag is not among the last members, and the first of that name.

    `find` gives the messages that it holds, by the names of their types.
    """
    fields = _in_order(message)
    at = next((n for n, field in enumerate(fields) if field.name == "etag"), None)
    if at is None or all(map(_is_short, fields[at + 1 :])):
        return False
    return at > 0 and all(_has_no_etag(field, find) for field in fields[:at])


def _in_order(message: DescriptorProto) -> list[FieldDescriptorProto]:
    return sorted(message.field, key=lambda field: field.number)


def _is_value(field: FieldDescriptorProto) -> bool:
    is_nested = field.type == _Type.TYPE_MESSAGE and field.type_name != _TIMESTAMP
    return field.label != _Type.LABEL_REPEATED and not is_nested


def _has_no_etag(field: FieldDescriptorProto, find: Find) -> bool:
    if _is_value(field):
        return field.name != "etag"
    held = find(field.type_name) if field.type == _Type.TYPE_MESSAGE else None
    if held is None or held.options.map_entry:  # a key may be any name
        return False
    return all(_has_no_etag(each, find) for each in held.field)


def _is_short(field: FieldDescriptorProto) -> bool:
    is_expanded = field.type == _Type.TYPE_MESSAGE and field.name in EXPANDED
    is_id = field.type == _Type.TYPE_STRING and field.name.endswith("_id")
    return (field.type in _SHORT or is_id or is_expanded) and field.label != _Type.LABEL_REPEATED
