"""The contract as protos/emporium.binpb describes it: with the validation rules and all imports.

The client's stubs, of which the services are made too, leave the rules out. What the server holds
callers against must not depend on what it ships to them.
"""

import functools
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.settings import SettingsError

IMAGE = Path(__file__).resolve().parents[2] / "protos" / "emporium.binpb"


@functools.cache
def pool() -> DescriptorPool:
    """Everything that the image describes, apart from the pool of the stubs.

    One for the process; reading it takes 2 ms. Raises `SettingsError` where there is no image.
    """
    try:
        image = FileDescriptorSet.FromString(IMAGE.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"{IMAGE} is missing, which holds the validation rules") from None
    made = DescriptorPool()
    for file in image.file:
        file.ClearField("source_code_info")
        made.AddSerializedFile(file.SerializeToString())
    return made


def described(message: type[Message]) -> type[Message]:
    """The class of the message that the image has under the same name; they read the same bytes.

    Raises `LookupError` when there is none: the image is older than the stubs.
    """
    name = message.DESCRIPTOR.full_name
    try:
        return GetMessageClass(pool().FindMessageTypeByName(name))
    except KeyError:
        raise LookupError(f"{IMAGE.name} has no {name}; mend it with: make generate") from None
