"""The one rule of how enums are spelt: by their names, in either case; a refusal lists them."""

from collections.abc import Iterable
from typing import Any

import protovalidate
from google.protobuf.message_factory import GetMessageClass


def choices(field: Any, validator: protovalidate.Validator) -> list[str]:
    """The names that the contract's rules let `field`, which is an enum's descriptor, have.

    The rules themselves are asked, so that a refusal can never name what is refused as well.
    """
    message = GetMessageClass(field.containing_type)

    def is_refused(number: int) -> bool:
        sent = message(**{field.name: [number] if field.is_repeated else number})
        paths = [found.proto.field for found in validator.collect_violations(sent)]
        return any(
            path.elements[0].field_name == field.name for path in paths if path and path.elements
        )

    # Nothing of ours ever means zero by its name.
    return [
        value.name
        for value in field.enum_type.values
        if value.number and not is_refused(value.number)
    ]


def must_be(names: Iterable[str]) -> str:
    """What a refusal says of a value that is none of `names`, and it does not repeat the value."""
    return f"must be one of {', '.join(names)}"
