"""Runs protoc, without network access and with every import that our protos may name."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import (
    descriptor_pb2,
    duration_pb2,
    field_mask_pb2,
    timestamp_pb2,
)
from google.rpc import status_pb2
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
VALIDATE = "buf/validate/validate.proto"

# googleapis-common-protos ships google/api and google/rpc as .proto files, beside its modules.
GOOGLE_APIS = Path(status_pb2.__file__).parents[2]


def sources() -> list[str]:
    """Names every proto of ours, as protoc and imports spell it, in a stable order."""
    return sorted(
        path.relative_to(PROTOS).as_posix() for path in PROTOS.glob("emporium/**/*.proto")
    )


def run(*arguments: str, files: Iterable[str]) -> None:
    """Runs protoc over `files`; exits with its own message, which names file and line."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "validate.binpb")
        known.write_bytes(_validate().SerializeToString(deterministic=True))
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"--proto_path={PROTOS}", f"--proto_path={GOOGLE_APIS}"),
            f"--descriptor_set_in={known}",
            *arguments,
            *files,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip())


def _validate() -> descriptor_pb2.FileDescriptorSet:
    """Describes buf/validate/validate.proto and what it imports.

    The file itself is published only in buf's registry, which a build must not need. protovalidate
    contains its descriptor, which protoc takes instead.
    """
    imports = (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2)
    described = descriptor_pb2.FileDescriptorSet()
    for module in imports:
        module.DESCRIPTOR.CopyToProto(described.file.add())
    described.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return described
