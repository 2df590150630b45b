"""Bounds what checking a request may cost, whatever it holds.

A message of 1 MB has room for half a million empty lines, and to name what is wrong with each of
them takes half a minute of CPU. So lists are counted before anything looks at what is in them, and
of a long list that breaks rules only the first broken ones are named.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from server.kit import descriptors
from server.kit.call.wording import counted
from server.kit.errors import Violation

ELEMENTS_NAMED_MAX = 50
"""Of how many elements of one list the faults are named, from the first that has one."""


class Lists:
    """The lists and maps that a request message has, and how many elements each may hold."""

    def __init__(self, request: type[Message]) -> None:
        message = request.DESCRIPTOR
        self._limits: list[tuple[str, int, str]] = []  # field, count, what to correct
        self._masks: list[str] = []
        self._mask_max = len(message.fields)
        for field in message.fields:
            if field.is_repeated:
                self._limits += _limit(field)
            elif field.message_type and field.message_type.full_name == _MASK:
                self._masks.append(field.name)

    @classmethod
    def of(cls, request: type[Message]) -> "Lists | None":
        """None for a message that has none, as most do."""
        lists = cls(request)
        return lists if lists._limits or lists._masks else None

    def too_long(self, request: Message) -> list[Violation]:
        """Each list that holds more than the contract lets it, or more fields than there are."""
        found = [
            Violation(name, text)
            for name, count, text in self._limits
            if len(getattr(request, name)) > count
        ]
        found += [
            Violation(name, "names more fields than there are")
            for name in self._masks
            if len(getattr(request, name).paths) > self._mask_max
        ]
        return found

    def long(self, request: Message) -> Sequence[str]:
        """The lists with more elements than are worth looking at when one of them is wrong."""
        return [
            name
            for name, count, _ in self._limits
            if count > ELEMENTS_NAMED_MAX and len(getattr(request, name)) > ELEMENTS_NAMED_MAX
        ]


_MASK = FieldMask.DESCRIPTOR.full_name


def _limit(field: Any) -> list[tuple[str, int, str]]:
    rules = descriptors.rules_of(field)
    if count := rules.repeated.max_items:
        return [(field.name, count, counted(f"must contain no more than {count} items"))]
    if count := rules.map.max_pairs:
        return [(field.name, count, f"map must be at most {count} entries")]
    return []


def beginning(request: Message, lists: Sequence[str], first: Any) -> Message:
    """`request` without what comes long after its first fault, which is at the path `first`."""
    element = first.elements[0] if first and first.elements else None
    cut = type(request)()
    cut.CopyFrom(request)
    for name in lists:
        at = element.subscript.value if element and element.field_name == name else 0
        del getattr(cut, name)[at + ELEMENTS_NAMED_MAX :]
    return cut
