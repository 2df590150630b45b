"""What the protos say of their parts, for people: the comment before each."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet


def read(image: FileDescriptorSet) -> dict[str, str]:
    """Maps the full name of each part to its comment, one line a paragraph.

    A value of an enum stands below the enum: `emporium.type.v1.Role.STAFF`.
    """
    return {
        name: _paragraphs(location.leading_comments)
        for file in image.file
        for location in file.source_code_info.location
        if location.leading_comments and (name := _name(file, location.path))
    }


def of_file(file: FileDescriptorProto) -> str:
    """What a proto says of all that it has: what stands apart, in front of its first message."""
    first = FileDescriptorProto.DESCRIPTOR.fields_by_name["message_type"].number
    return "\n\n".join(
        _paragraphs(comment)
        for location in file.source_code_info.location
        if [*location.path] == [first, 0]
        for comment in location.leading_detached_comments
    )


def first_sentence(comment: str) -> tuple[str, str]:
    """The first sentence of `comment` without its full stop, and all that follows."""
    found = re.match(r"(.+?)\.(?:\s+|$)(?=[A-Z`]|$)", comment, re.DOTALL)
    return (found[1], comment[found.end() :].strip()) if found else (comment, "")


def _name(file: FileDescriptorProto, path: Sequence[int]) -> str:
    """The full name of what `path` leads to; empty for what has none, such as an option."""
    return ".".join([file.package, *names]) if (names := list(_steps(file, path))) else ""


def _steps(file: FileDescriptorProto, path: Sequence[int]) -> Iterator[str]:
    if len(path) % 2:
        return
    part: Any = file
    for number, index in zip(path[::2], path[1::2], strict=True):
        field = part.DESCRIPTOR.fields_by_number[number]
        if field.message_type is None or not field.is_repeated:
            return
        part = getattr(part, field.name)[index]
        if not hasattr(part, "name"):
            return
        yield part.name


def _paragraphs(comment: str) -> str:
    lines = "\n".join(line.strip() for line in comment.strip().splitlines())
    return "\n\n".join(" ".join(each.split("\n")) for each in re.split(r"\n{2,}", lines))
