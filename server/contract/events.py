"""docs/events.md: every event that the services tell, with its fields."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import calls, rpcs
from server.contract.described import Described
from server.contract.openapi import comments

PATH = Path("docs/events.md")
_FILE = "/events.proto"
_ENVELOPE = "emporium.type.v1.DomainEvent"
_HEAD = """\
<!-- Made from protos/ by `make generate`; not to be edited. -->

# Events

Each change of state is told to other services by an event, which is committed with the change. It
comes in an envelope, `{envelope}`, whose `payload` is one of the messages below.

{about}

{fields}"""


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / PATH).exists():
        yield root / PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the page below `into` and returns its path."""
    pool, said = rpcs.pool_of(image), comments.read(image)
    described = Described(said)
    envelope: Any = pool.FindMessageTypeByName(_ENVELOPE)
    text = _HEAD.format(
        envelope=_ENVELOPE, about=said.get(_ENVELOPE, ""), fields=described.fields(envelope)
    )
    events = []
    for file in image.file:
        if file.name.endswith(_FILE):
            text += f"\n# {file.package}\n\n{comments.of_file(file)}\n"
            for message in file.message_type:
                event: Any = pool.FindMessageTypeByName(f"{file.package}.{message.name}")
                events.append(event)
                text += f"\n## {event.name}\n\n{said.get(event.full_name, '')}\n\n"
                text += described.fields(event)
    text += f"\n# What they hold\n{described.parts(events)}"
    return [calls.written(into, PATH, text)]
