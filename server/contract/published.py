"""The image that others load, without our tools: protos/emporium.binpb."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import image as images
from server.contract import protoc

_PATH = Path("protos/emporium.binpb")


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / _PATH).exists():
        yield root / _PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the image below `into` and returns its path.

    Every import is in it, so that nobody needs a registry or an include path. Only our own comments
    are: those of Google's files are their reference, not ours, and twice as long.
    """
    made = FileDescriptorSet()
    made.CopyFrom(image)
    ours = protoc.sources()
    for file in made.file:
        if file.name not in ours:
            file.ClearField("source_code_info")
    return [images.write(made, into / _PATH)]
