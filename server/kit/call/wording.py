"""What a refusal says of a broken rule: in words, and never the value that was sent."""

import re
from typing import Any

import protovalidate

from server.kit import descriptors
from server.kit.call.choices import choices, must_be

_IN_WORDS = "emporium.errors.v1.in_words"
_PATTERN = "string.pattern"

# Protovalidate puts every noun into the plural, or leaves its number open.
_COUNTED = re.compile(r"\b(\d+) (character|byte|item)(?:s|\(s\))")


# Of numbers; texts may hold brackets and commas of their own, and no rule of ours lists such.
_LISTED = re.compile(r"\bmust (not )?be in list \[([^\]]*)\]")


class Wording:
    """The words for what `validator` has found."""

    def __init__(self, validator: protovalidate.Validator) -> None:
        self._validator = validator

    def of(self, field: Any, found: Any) -> str:
        """What the violation `found` says, which is of `field`, or of the whole message if None.

        The rules of an enum speak in numbers, and it has names; a pattern is for programs, and the
        contract has words for it.
        """
        if field is not None and field.enum_type is not None:
            return must_be(choices(field, self._validator))
        if field is not None and found.rule_id == _PATTERN:
            said: str = descriptors.option_of(field, _IN_WORDS)
            return said or found.message
        return counted(listed(found.message or found.rule_id))


def listed(text: str) -> str:
    """`text` with the values of a list as people write them."""
    return _LISTED.sub(_values, text)


def _values(found: "re.Match[str]") -> str:
    negated, values = found.groups()
    if not negated:
        return f"must be one of {values}"
    return f"must be none of {values}" if "," in values else f"must not be {values}"


def counted(text: str) -> str:
    """`text` with its nouns in the number that the count before each asks for."""
    return _COUNTED.sub(_noun, text)


def _noun(found: "re.Match[str]") -> str:
    count, noun = found.groups()
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"
