"""The contract as the edge's transcoder reads it, to which streams are bytes.

What it would make of a stream of messages by itself has no ids, no heartbeats and no errors. So
the services write the events (`server/kit/call/event_stream.py`), and the edge passes them on as
they come.
"""

from google.api import httpbody_pb2
from google.protobuf import any_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from server.contract.rpcs import Rpc

_BYTES = httpbody_pb2.HttpBody.DESCRIPTOR
_ITS_FILES = (any_pb2.DESCRIPTOR, httpbody_pb2.DESCRIPTOR)


def as_bytes(image: FileDescriptorSet, known: list[Rpc]) -> FileDescriptorSet:
    """Copies `image`, in which each stream that REST has a path for answers `HttpBody`."""
    streams = {rpc.path for rpc in known if rpc.streaming and rpc.bindings}
    made = FileDescriptorSet()
    made.CopyFrom(image)
    changed = [file for file in made.file if _answer_bytes(file, streams)]
    for file in changed:
        if httpbody_pb2.DESCRIPTOR.name not in file.dependency:
            file.dependency.append(httpbody_pb2.DESCRIPTOR.name)
    return _with_files_first(made) if changed else made


def _answer_bytes(file: FileDescriptorProto, streams: set[str]) -> bool:
    """Whether `file` has any of the streams, whose answers are changed."""
    found = [
        method
        for service in file.service
        for method in service.method
        if f"/{file.package}.{service.name}/{method.name}" in streams
    ]
    for method in found:
        method.output_type = f".{_BYTES.full_name}"
    return bool(found)


def _with_files_first(image: FileDescriptorSet) -> FileDescriptorSet:
    """A file comes behind all that it imports."""
    first = FileDescriptorSet()
    for file in _ITS_FILES:
        first.file.add().ParseFromString(file.serialized_pb)
    names = {file.name for file in first.file}
    return FileDescriptorSet(file=[*first.file, *(f for f in image.file if f.name not in names)])
