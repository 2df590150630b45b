"""Holds every request against the rules that the contract writes on its fields."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import protovalidate
from google.protobuf.message import Message

from server.kit import descriptors, errors
from server.kit.call.access import AccessRules
from server.kit.call.bounds import Lists, beginning
from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.layers import Gate
from server.kit.call.method import Method
from server.kit.call.wording import Wording


class Validation:
    """Raises `Invalid` with every violated field named, not only the first."""

    # AccessRules for the reason that `EdgeHeaders` gives; `EdgeHeaders` because it fills fields.
    inside_of: ClassVar[tuple[type, ...]] = (AccessRules, EdgeHeaders)

    def __init__(self) -> None:
        self._validator = (
            protovalidate.Validator()
        )  # one for all methods, to hold compiled rules once
        self._wording = Wording(self._validator)

    def gate(self, method: Method) -> Gate:
        """The rules of the method's request message, as the contract's image has them.

        The image's own class reads the request again, which costs half a microsecond
        (AMD EPYC, November 2026).

        They are compiled at a method's first call, which costs the very first call 11 ms and 2 MB,
        and each other first call 0 to 4 ms (AMD EPYC, November 2026). That is too little to make
        every process compile all of them at start.
        """
        check = self.check_of(method.request)
        return Gate(on_message=lambda request, context: check(request))

    def check_of(self, request_class: type[Message]) -> Callable[[Message], None]:
        """What holds a request of that class against its rules."""
        collect = self._validator.collect_violations
        described = descriptors.described(request_class)
        lists = Lists.of(described)

        def check(request: Message) -> None:
            if lists and (too_long := lists.too_long(request)):  # before it is read again
                raise _invalid(too_long)
            sent = request.SerializeToString()
            received = described.FromString(sent)
            long = lists.long(received) if lists else ()
            if violations := collect(received, fail_fast=bool(long)):
                looked_at = received
                if long:
                    looked_at = beginning(received, long, violations[0].proto.field)
                    violations = collect(looked_at)
                named = [
                    each
                    for found in violations
                    for each in self._violations(received.DESCRIPTOR, found.proto)
                ]
                raise _invalid(named, are_all=looked_at == received)
            # Neither database accepts NUL in text. Most messages hold no zero byte at all, which is
            # cheap to see; only the others are searched field by field.
            if 0 in sent and (fields := list(_with_nul(request))):
                raise _invalid([errors.Violation(name, "must not hold NUL") for name in fields])

        return check

    def _violations(self, ruled: Any, found: Any) -> Iterator[errors.Violation]:
        """What is wrong with which fields of the message `ruled`."""
        said = self._wording.of(_field(ruled, found.field), found)
        path = _path(found.field)
        for name in [path] if path else _named(ruled, found.rule_id):
            yield errors.Violation(name, said)


def check(request: Message) -> None:
    """Raises `Invalid` as a call would; for a request that comes by none."""
    Validation().check_of(type(request))(request)


def _invalid(violations: list[errors.Violation], *, are_all: bool = True) -> errors.Invalid:
    fields = list(dict.fromkeys(violation.field for violation in violations if violation.field))
    if not fields:  # a rule of the whole message says by itself what is wrong
        return errors.Invalid(violations[0].description, violations=violations)
    known = list(dict.fromkeys(_SUBSCRIPTS.sub("[]", field) for field in fields))
    if len(fields) == 1:
        said = "; ".join(dict.fromkeys(each.description for each in violations if each.field))
        message, logged = (f"{name}: {said}" for name in (fields[0], known[0]))
    else:
        count = len(fields) if are_all else f"{len(fields)} or more"
        message, logged = (
            f"{count} fields are invalid: {', '.join(names)}" for names in (fields, known)
        )
    return errors.Invalid(message, violations=violations, logged=logged)


def _named(message: Any, rule_id: str) -> Sequence[str]:
    """Of which fields a rule of the whole message is: an empty name is the message itself.

    Of those of which there must be one; or as the rule's id says: `order.quantity`.
    """
    if rule_id == _ONE_OF:
        [rule] = descriptors.option_of_message(message, _MESSAGE_RULES).oneof
        return tuple(rule.fields)
    name = rule_id.rpartition(".")[2]
    return [name if name in message.fields_by_name else ""]


_ONE_OF = "message.oneof"
_MESSAGE_RULES = "buf.validate.message"


# From a path's first bracket to its last: a key of a map is the caller's own, brackets and all.
_SUBSCRIPTS = re.compile(r"\[.*\]", re.DOTALL)


def _field(message: Any, path: Any) -> Any:
    """The descriptor of the field that `path` leads to from `message`; None for the whole."""
    field = None
    for element in path.elements if path else ():
        field = message.fields_by_name.get(element.field_name)
        if field is None:
            return None
        message = field.message_type
    return field


def _with_nul(value: Any, path: str = "") -> Iterator[str]:
    """The path of every text in `value`, which is any part of a message, that holds a NUL."""
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, Message):
        for field, part in value.ListFields():
            yield from _with_nul(part, f"{path}.{field.name}" if path else field.name)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _with_nul(key, path)
            yield from _with_nul(part, f"{path}[{key}]")
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for n, part in enumerate(value):
            yield from _with_nul(part, f"{path}[{n}]")


def _path(path: Any) -> str:
    """The field's path as REST callers write it: `items[0].quantity`; none for a message's rule."""
    text = ""
    for element in path.elements if path else ():
        text += f".{element.field_name}" if text else element.field_name
        if element.subscript:
            text += f"[{element.subscript.value}]"
    return text
