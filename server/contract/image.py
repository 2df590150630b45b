"""The contract as a descriptor set: our protos, their imports, and the comments."""

import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import protoc

# The baseline of `buf breaking`: the contract as it was last released.
RELEASED = protoc.PROTOS / "released.binpb"

# No proto of ours imports these, but every error contains their messages.
ERRORS = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def build() -> FileDescriptorSet:
    """Compiles every proto, with comments, which documentation is made from."""
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
    """Saves an image; equal contracts give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.SerializeToString(deterministic=True))
    return path
