"""The contract as data: our protos, all that they import, and the comments."""

import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import protoc

# What the baseline of `buf breaking` is kept in: the contract as callers last got it.
RELEASED = protoc.PROTOS / "released.binpb"

# Not imported by any proto of ours, but carried by every error.
ERRORS = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def build() -> FileDescriptorSet:
    """Compiles every proto; comments are kept, since documentation is made from them."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "image.binpb")
        protoc.run(
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={made}",
            files=[*protoc.sources(), *ERRORS],
        )
        return FileDescriptorSet.FromString(made.read_bytes())


def without_comments(image: FileDescriptorSet) -> FileDescriptorSet:
    """Copies the image without source info, which is more than half of it."""
    bare = FileDescriptorSet()
    bare.CopyFrom(image)
    for file in bare.file:
        file.ClearField("source_code_info")
    return bare


def write(image: FileDescriptorSet, path: Path) -> Path:
    """Saves an image so that equal contracts make equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.SerializeToString(deterministic=True))
    return path
