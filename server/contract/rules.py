"""The validation rules within the contract: their declaration, those of a field, and none."""

from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

VALIDATE = "buf/validate/validate.proto"
_RULES = ".buf.validate."


def declaration() -> FileDescriptorProto:
    """Describes buf/validate/validate.proto.

    The file itself is published only in buf's registry, which a build must not need. protovalidate
    carries its descriptor, which is as good to protoc, and hands it out with any message of it. It
    promises neither, so that what may move stands in this function alone.
    """
    described = protovalidate.ViolationPb.desc().file.proto
    return FileDescriptorProto.FromString(described.to_binary())


def of_field(pool: DescriptorPool, field: Any) -> Any:
    """The rules of `field`, which is of `pool`; a message of the pool's own `FieldRules`."""
    return _option(pool, field, "google.protobuf.FieldOptions", "buf.validate.field")


def of_message(pool: DescriptorPool, message: Any) -> Any:
    """The rules of `message` as a whole; a message of the pool's own `MessageRules`."""
    return _option(pool, message, "google.protobuf.MessageOptions", "buf.validate.message")


def of_predefined(rule: Any) -> Any:
    """What an extension of the rules, such as ours in emporium/rules/v1, is made of."""
    name = "buf.validate.predefined"
    return _option(rule.file.pool, rule, "google.protobuf.FieldOptions", name)


def _option(pool: DescriptorPool, declared: Any, options: str, name: str) -> Any:
    reader = GetMessageClass(pool.FindMessageTypeByName(options))
    read: Any = reader.FromString(declared.GetOptions().SerializeToString())
    return read.Extensions[pool.FindExtensionByName(name)]


def stripped(image: FileDescriptorSet) -> FileDescriptorSet:
    """Copies `image`, which is self-contained, without any rule and the files that declare them."""
    pool = DescriptorPool()
    for file in image.file:
        pool.AddSerializedFile(file.SerializeToString())
    rules = [
        rule
        for file in image.file
        if file.name == VALIDATE
        for rule in pool.FindFileByName(VALIDATE).extensions_by_name.values()
    ]
    # Read by this pool's own classes, to which the rules are extensions and not unknown fields.
    reader = GetMessageClass(pool.FindMessageTypeByName(image.DESCRIPTOR.full_name))
    read = reader.FromString(image.SerializeToString())
    _strip(read, rules)
    bare = FileDescriptorSet.FromString(read.SerializeToString())
    declaring = {file.name for file in bare.file if declares_rules(file)}
    kept = [file for file in bare.file if file.name not in declaring]
    for file in kept:
        file.dependency[:] = [name for name in file.dependency if name not in declaring]
    return FileDescriptorSet(file=kept)


def declares_rules(file: FileDescriptorProto) -> bool:
    """Whether the file is there for rules alone: Protovalidate's own, or one with more of them."""
    more = [each for each in file.extension if each.extendee.startswith(_RULES)]
    return file.name == VALIDATE or bool(more)


def _strip(part: Message, rules: list[FieldDescriptor]) -> None:
    """Clears the rules of `part` and of all below it, and options that held nothing else."""
    for field, value in part.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else [value]:
            _strip(each, rules)
        if field.name == "options":
            for rule in rules:
                if rule.containing_type is field.message_type:
                    value.ClearExtension(rule)
            if not value.ByteSize():
                part.ClearField(field.name)
