"""What stands after a change, as an admin reads it from the services themselves."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.asking import RPCS
from tests.e2e.access_scene import object_field
from tests.e2e.doors.outcomes import Outcome, of_status
from tests.e2e.extreme_requests import INTERNAL
from tests.e2e.extreme_scene import Scene
from tests.server.refusals import Refused


def only_reads(rpc: MethodDescriptor) -> bool:
    """Whether the rpc changes nothing."""
    return bool(rpc.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS)


# Of the resources that have versions; others are on their way after a change, such as a receipt.
READERS = [
    rpc
    for rpc in RPCS
    if only_reads(rpc)
    and rpc.name not in INTERNAL
    and object_field(rpc)
    and "etag" in rpc.output_type.fields_by_name
]


async def standing(
    scene: Scene, rpc: MethodDescriptor, sent: Message, answer: Any
) -> list[Outcome]:
    """What the call was about, and what it has answered with, where that can be read."""
    found = [
        await scene.call(reader.name, request) for reader, request in _reads(rpc, sent, answer)
    ]
    return [
        of_status(each.status) if isinstance(each, Refused) else Outcome(each) for each in found
    ]


def _reads(rpc: MethodDescriptor, sent: Message, answer: Any) -> Iterator[tuple[Any, Any]]:
    about = object_field(rpc)
    for reader in READERS:
        field = object_field(reader)
        if reader.output_type is answer.DESCRIPTOR and "id" in answer.DESCRIPTOR.fields_by_name:
            yield reader, GetMessageClass(reader.input_type)(**{field: answer.id})
        elif field == about:
            yield reader, GetMessageClass(reader.input_type)(**{field: getattr(sent, about)})
