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
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import status_pb2

from server.contract import rules

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"

# googleapis-common-protos ships google/api and google/rpc as .proto files, beside its modules.
GOOGLE_APIS = Path(status_pb2.__file__).parents[2]


def sources() -> list[str]:
    """Names every proto of ours, as protoc and imports spell it, in a stable order."""
    return sorted(
        path.relative_to(PROTOS).as_posix() for path in PROTOS.glob("emporium/**/*.proto")
    )


def run(*arguments: str, files: Iterable[str], image: FileDescriptorSet | None = None) -> None:
    """Runs protoc over `files`; exits with its own message, which names file and line.

    Reads them from `image` if there is one, and from our folders otherwise.
    """
    folders = [] if image else [f"--proto_path={PROTOS}", f"--proto_path={GOOGLE_APIS}"]
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "known.binpb")
        known.write_bytes((image or _validate()).SerializeToString(deterministic=True))
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *folders,
            f"--descriptor_set_in={known}",
            *arguments,
            *files,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip())


def _validate() -> FileDescriptorSet:
    """Describes buf/validate/validate.proto and what it imports."""
    described = FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(described.file.add())
    described.file.append(rules.declaration())
    return described
