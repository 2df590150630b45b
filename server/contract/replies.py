"""What envoy/rest.lua takes for granted of every message that an rpc answers with."""

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorSet

# What the envelope needs stands last in the JSON, where it is found without reading the rest. JSON
# follows the order of declaration, so that a later field only has to be written above.
LAST = ("etag", "meta")


def misplaced(image: FileDescriptorSet) -> Iterator[str]:
    """Names, in a sentence each, the fields that stand where rest.lua would not find them."""
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
