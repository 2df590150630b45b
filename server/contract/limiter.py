"""The messages in which Envoy asks the limiter: beside it, because they are not the client's."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import protoc
from server.contract.stubs import MARK, plugin

ROOM = Path("server", "limits")
SOURCE = "rls.proto"


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run generated below `root`."""
    yield from root.glob(f"{ROOM}/*_pb2.py*")


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the messages and their types below `into`; the `image` has none of it."""
    del image
    room = into / ROOM
    room.mkdir(parents=True, exist_ok=True)
    protoc.run(
        f"--proto_path={protoc.ROOT / ROOM}",
        plugin("protoc-gen-mypy"),
        f"--python_out={room}",
        f"--mypy_out=readable_stubs:{room}",
        files=[SOURCE],
    )
    written = sorted(room.iterdir())
    for path in written:
        path.write_text(f"# Made from {ROOM / SOURCE} {MARK}.\n{path.read_text()}")
    return written
