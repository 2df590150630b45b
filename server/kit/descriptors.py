"""The contract as protos/emporium.binpb describes it: with the validation rules and all imports.

The client's stubs, of which the services are made too, leave the rules out. What the server holds
callers against must not depend on what it ships to them.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet, MethodDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2
from server.settings import SettingsError

IMAGE = Path(__file__).resolve().parents[2] / "protos" / "emporium.binpb"


@functools.cache
def pool() -> DescriptorPool:
    """Everything that the image describes, apart from the pool of the stubs.

    One for the process; reading it takes 2 ms. Raises `SettingsError` where there is no image.
    """
    made = DescriptorPool()
    for file in _image().file:
        file.ClearField("source_code_info")
        _forget_json_names(file.message_type)
        made.AddSerializedFile(file.SerializeToString())
    return made


@functools.cache
def rpcs() -> frozenset[str]:
    """Every rpc of the contract, such as `emporium.user.v1.AuthService/Login`."""
    return frozenset(
        f"{file.package}.{service.name}/{method.name}"
        for file in _image().file
        for service in file.service
        for method in service.method
    )


@functools.cache
def offered() -> tuple[str, ...]:
    """The services of the contract that have an rpc for others than services."""
    return tuple(
        f"{file.package}.{service.name}"
        for file in _image().file
        for service in file.service
        if any(not _is_internal(method) for method in service.method)
    )


def _is_internal(method: MethodDescriptorProto) -> bool:
    return list(method.options.Extensions[options_pb2.access].roles) == [role_pb2.SERVICE]


def _image() -> FileDescriptorSet:
    try:
        return FileDescriptorSet.FromString(IMAGE.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"{IMAGE} is missing, which holds the validation rules") from None


def _forget_json_names(messages: Iterable[DescriptorProto]) -> None:
    """Clears them, so that grpcurl, which asks by reflection, writes names as REST does."""
    for message in messages:
        for field in message.field:
            field.ClearField("json_name")
        _forget_json_names(message.nested_type)


def described(message: type[Message]) -> type[Message]:
    """The class of the message that the image has under the same name; they read the same bytes.

    Raises `LookupError` when there is none: the image is older than the stubs.
    """
    name = message.DESCRIPTOR.full_name
    try:
        return GetMessageClass(pool().FindMessageTypeByName(name))
    except KeyError:
        raise LookupError(f"{IMAGE.name} has no {name}; mend it with: make generate") from None


def rules_of(field: Any) -> Any:  # its type has two names, which mypy tells apart
    """The contract's rules of a field: its `buf.validate.field`, whichever pool it is from."""
    return option_of(field, "buf.validate.field")


def option_of(field: Any, name: str) -> Any:
    """What the contract says of a field by the option of that full name."""
    known = pool()
    options = known.FindFieldByName(field.full_name).GetOptions().SerializeToString()
    read: Any = message_class("google.protobuf.FieldOptions").FromString(options)
    return read.Extensions[known.FindExtensionByName(name)]


def option_of_message(message: Any, name: str) -> Any:
    """The same of a message."""
    known = pool()
    options = known.FindMessageTypeByName(message.full_name).GetOptions().SerializeToString()
    read: Any = message_class("google.protobuf.MessageOptions").FromString(options)
    return read.Extensions[known.FindExtensionByName(name)]


def message_class(name: str) -> type[Message]:
    """The class of a message that the image has under its full name."""
    return GetMessageClass(pool().FindMessageTypeByName(name))
