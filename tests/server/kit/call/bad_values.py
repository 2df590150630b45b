"""One bad value for every validation rule of every request, discovered from the contract."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.kit import descriptors
from server.kit.call.method import Method

_ID = "01900000-0000-7000-8000-000000000000"
_TWO_ADDRESSES = {"shipping_address": {"country_code": "GB"}, "shipping_address_id": _ID}

# What breaks a rule that is written as an expression, by the rule's id.
EXPRESSIONS: dict[str, Any] = {
    "string.new_password": "x" * 7,
    "string.display_text": "Ada \u202eadA",
    "string.display_lines": "Ada\r\nadA",
    "string.not_blank": " \u2003",
    "string.country": "ZZ",
    "string.local_part": "a" * 65 + "@example.com",
    "type.reserved": "order.placed",
    "item.product": {},
    "order.product_name": {"product_name": "Cup"},
    "order.quantity": {"quantity": 2},
    "promotion.kind": {},
    "order.shipping_address": _TWO_ADDRESSES,
    "cart.shipping_address": _TWO_ADDRESSES,
}
FOREVER = {"seconds": 253_402_300_799}  # the last second of the year 9999
NO_PATTERN_TAKES = ("\x7f", "x" * 1_000, "?")

BY_RULE: dict[str, Callable[[Any, FieldDescriptor], Any]] = {
    "string.min_len": lambda length, _: "x" * (length - 1),
    "string.max_len": lambda length, _: "x" * (length + 1),
    "string.max_bytes": lambda length, _: "x" * (length + 1),
    "string.uuid": lambda _, __: "no-uuid",
    "string.email": lambda _, __: "no-email",
    "string.in": lambda _, __: "none-of-them",
    "string.pattern": lambda pattern, _: _mismatch(pattern),
    "bytes.max_len": lambda length, _: b"x" * (length + 1),
    "int32.gte": lambda least, _: least - 1,
    "int32.lte": lambda most, _: most + 1,
    "int32.not_in": lambda values, _: values[0],
    "int64.gte": lambda least, _: least - 1,
    "int64.gt": lambda least, _: least,
    "enum.in": lambda numbers, field: min(_numbers(field) - set(numbers)),
    "enum.not_in": lambda numbers, _: numbers[0],
    "enum.defined_only": lambda _, field: max(_numbers(field)) + 1,
    "timestamp.lt_now": lambda _, __: FOREVER,
    "required": lambda _, __: None,
    "repeated.min_items": lambda least, _: [{}] * (least - 1),
    "repeated.max_items": lambda most, field: _items(most + 1, field),
    "repeated.unique": lambda _, field: _items(2, field),
    "map.max_pairs": lambda most, _: {str(n): "" for n in range(most + 1)},
}
PREFIXES: dict[str, Callable[[Any], Any]] = {
    "repeated.items.": lambda value: [value],
    "map.keys.": lambda value: {value: ""},
    "map.values.": lambda value: {"key": value},
}


@dataclass(frozen=True)
class Bad:
    """A request that breaks one rule, and maybe others that go with it."""

    method: Method
    field: str  # as the refusal names it; empty: the rule is the whole message's
    rule: str  # such as `string.max_len`, or the id of an expression
    request: Message  # of the stubs' class

    def __str__(self) -> str:
        return f"{self.method.name}-{self.field}-{self.rule}"


def of(method: Method) -> Iterator[Bad]:
    """One bad request for each rule that a request of `method` is held against.

    Raises `LookupError` for a rule that nothing here can break.
    """
    request = descriptors.described(method.request)

    def made(fields: dict[str, Any]) -> Message:
        return method.request.FromString(request(**fields).SerializeToString())

    for path, rule, fields in _walk(request.DESCRIPTOR):
        yield Bad(method, path, rule, made(fields))


def _walk(message: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each rule of `message` and of messages in it: path, rule, and fields that break it."""
    for oneof in _rules(message, "message").oneof:
        yield oneof.fields[0], "message.oneof", {}
    for expression in _rules(message, "message").cel:
        name = expression.id.rpartition(".")[2]
        path = name if name in message.fields_by_name else ""
        yield path, expression.id, _value(expression.id, EXPRESSIONS)
    for field in message.fields:
        for rule, value in _broken(field):
            path = field.name
            if rule.startswith("repeated.items."):
                path += "[0]"
            elif rule.startswith(("map.keys.", "map.values.")):
                path += f"[{next(iter(value))}]"
            yield path, rule, {} if value is None else {field.name: value}
        if field.message_type and field.message_type.full_name.startswith("emporium."):
            for path, rule, fields in _walk(field.message_type):
                place = f"{field.name}[0]" if field.is_repeated else field.name
                value = [fields] if field.is_repeated else fields
                yield f"{place}.{path}".rstrip("."), rule, {field.name: value}


def _broken(field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
    rules = _rules(field, "field")
    for expression in rules.cel:
        yield expression.id, _value(expression.id, EXPRESSIONS)
    for rule, bound in _leaves(rules):
        prefix = next((each for each in PREFIXES if rule.startswith(each)), "")
        name = rule.removeprefix(prefix)
        is_said = name in EXPRESSIONS
        value = EXPRESSIONS[name] if is_said else _value(name, BY_RULE)(bound, field)
        yield rule, PREFIXES[prefix](value) if prefix else value


def _leaves(rules: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for rule, bound in rules.ListFields():
        name = f"{prefix}{rule.name}"
        if name in {"cel", "ignore"}:  # the former is read by itself, the latter is no rule
            continue
        if rule.is_extension:  # one of ours
            of = next((each for each in PREFIXES if prefix.startswith(each)), "")
            for expression in _rules(rule, "predefined").cel:
                yield f"{of}{expression.id}", bound
        elif rule.message_type and rule.message_type.full_name.startswith("buf.validate."):
            yield from _leaves(bound, f"{name}.")
        else:
            yield name, bound


def _rules(described: Descriptor | FieldDescriptor, kind: str) -> Any:
    """The rules in the options, read by the classes of the pool that knows them."""
    pool = descriptors.pool()
    options = described.GetOptions()
    reader = GetMessageClass(pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))
    read: Any = reader.FromString(options.SerializeToString())
    return read.Extensions[pool.FindExtensionByName(f"buf.validate.{kind}")]


def _value(rule: str, table: dict[str, Any]) -> Any:
    if rule not in table:
        raise LookupError(f"no bad value is known for {rule}: add one to {__name__}")
    return table[rule]


def _mismatch(pattern: str) -> str:
    return next(text for text in NO_PATTERN_TAKES if not re.search(pattern, text))


def _numbers(field: FieldDescriptor) -> set[int]:
    assert field.enum_type
    return set(field.enum_type.values_by_number)


def _items(count: int, field: FieldDescriptor) -> list[Any]:
    return [{}] * count if field.message_type else [""] * count
