"""The edge's files, of the contract and one `.proto` of a test more."""

import shutil
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import edge, protoc
from server.contract import image as images
from tests.envoy.conftest import SOURCE


def source_with(proto: Path, folder: Path) -> Path:
    """Makes them below `folder`."""
    source = folder / "envoy"
    shutil.copytree(SOURCE, source)
    edge.generate(image_with(proto), folder)
    return source


def image_with(proto: Path) -> FileDescriptorSet:
    """The contract with that `.proto`."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "image.binpb")
        protoc.run(
            f"--proto_path={proto.parent}",
            "--include_imports",
            "--include_source_info",  # the OpenAPI document is made of comments
            f"--descriptor_set_out={made}",
            files=[*protoc.sources(), *images.ERRORS, proto.name],
        )
        return FileDescriptorSet.FromString(made.read_bytes())
