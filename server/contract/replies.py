"""What envoy/rest.lua requires of every response message."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorSet

# The fields that the envelope takes are last in the JSON, where rest.lua finds them without parsing
# the rest. JSON has the order of declaration, so a new field must be declared above them.
LAST = ("etag", "meta")


def misplaced(image: FileDescriptorSet) -> Iterator[str]:
    """Names, in a sentence each, the fields whose place rest.lua would not find."""
    messages = {
        f".{file.package}.{message.name}": message
        for file in image.file
        for message in file.message_type
    }
    answers = {
        rpc.output_type
        for file in image.file
        if file.package.startswith("emporium.")
        for service in file.service
        for rpc in service.method
    }
    for name in sorted(answers):
        fields = [field.name for field in messages[name].field]
        for field in LAST:
            if field in fields[:-1]:
                yield f"{name[1:]}: '{field}' must be declared last, where envoy/rest.lua looks"
