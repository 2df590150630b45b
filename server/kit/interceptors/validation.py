"""Holds every request against the rules that the contract writes on its fields."""

from collections.abc import Iterator
from typing import Any

import protovalidate
from google.protobuf.message import Message

from server.kit import errors
from server.kit.context import Context
from server.kit.interceptors.layers import Gate
from server.kit.method import Method


class Validation:
    """Raises `Invalid` with every violated field named, not only the first."""

    def gate(self, method: Method) -> Gate:
        """The rules of the method's request message, compiled now rather than at its first call."""
        validator = protovalidate.Validator()
        validator.collect_violations(method.request())

        def check(request: Message, context: Context) -> None:
            violations = validator.collect_violations(request)
            if violations:
                raise _invalid([_violation(found.proto) for found in violations])
            # Neither store can keep a NUL in a text. Most messages hold no zero byte at all, which
            # is quickly seen; only the others are looked through.
            if 0 in request.SerializeToString() and (fields := list(_with_nul(request))):
                raise _invalid([errors.Violation(name, "must not hold NUL") for name in fields])

        return Gate(on_message=check)


def _invalid(violations: list[errors.Violation]) -> errors.Invalid:
    names = ", ".join(dict.fromkeys(violation.field for violation in violations))
    count = "1 field is" if len(violations) == 1 else f"{len(violations)} rules are"
    verb = "invalid" if len(violations) == 1 else "broken"
    return errors.Invalid(f"{count} {verb}: {names}", violations=violations)


def _violation(found: Any) -> errors.Violation:
    return errors.Violation(_path(found.field), found.message)


def _with_nul(message: Message, prefix: str = "") -> Iterator[str]:
    for field, value in message.ListFields():
        name = prefix + field.name
        if field.message_type and field.message_type.GetOptions().map_entry:
            yield from (name for pair in value.items() if "\0" in "".join(map(str, pair)))
        elif field.message_type:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _with_nul(inner, f"{name}.")
        elif field.type == field.TYPE_STRING:
            yield from (name for text in [value] if "\0" in text)


def _path(path: Any) -> str:
    """The field's path as REST callers write it: `items[0].quantity`."""
    text = ""
    for element in path.elements:
        text += f".{element.field_name}" if text else element.field_name
        if element.subscript:
            text += f"[{element.subscript.value}]"
    return text
