"""How many bytes of JSON the largest request of an rpc can be, by the contract's own rules.

JSON may write a character as an escape of six bytes, and one beyond the first 65,536 as two of
them: many libraries write every character so that is not ASCII.
"""

import re
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool

from server.contract import rules

_CHARACTER = 12  # two escapes
_BYTE = 6  # one
_NUMBER = 24  # the longest of any type, in quotes
_MOMENT = 40  # RFC 3339, in quotes
_MASK = 4_096  # each of a message's fields once, many times over
_AROUND_FIELD = 4  # two quotes, a colon and a comma
_AROUND_VALUE = 3  # two quotes, or braces, and a comma


def largest(pool: DescriptorPool, message: str) -> int:
    """The bytes of the largest JSON of `message`, without white space.

    A field that the contract does not bound counts for nothing: the edge's own limit is for those.
    """
    return _message(pool, pool.FindMessageTypeByName(message))


def _message(pool: DescriptorPool, descriptor: Any) -> int:
    known = {"google.protobuf.Timestamp": _MOMENT, "google.protobuf.FieldMask": _MASK}
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    fields = (len(field.name) + _AROUND_FIELD + _field(pool, field) for field in descriptor.fields)
    return _AROUND_VALUE + sum(fields)


def _field(pool: DescriptorPool, field: Any) -> int:
    its = rules.of_field(pool, field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        pair = _text(its.map.keys.string) + _value(pool, value, its.map.values)
        return int(its.map.max_pairs * pair)
    if field.is_repeated:
        each = _value(pool, field, its.repeated.items)
        return int(its.repeated.max_items * each)
    return _value(pool, field, its)


def _value(pool: DescriptorPool, field: Any, its: Any) -> int:
    if field.message_type is not None:
        return _message(pool, field.message_type)
    if field.enum_type is not None:
        return max(len(value.name) for value in field.enum_type.values) + _AROUND_VALUE
    if field.type == field.TYPE_STRING:
        return _text(its.string)
    if field.type == field.TYPE_BYTES:
        return int(its.bytes.max_len * 2) + _AROUND_VALUE  # in base64
    return _NUMBER


def _text(its: Any) -> int:
    sizes = [its.max_len * _CHARACTER, its.max_bytes * _BYTE, 36 * its.uuid]
    sizes.append(_longest_match(its.pattern))
    sizes.append(max((len(each) * _BYTE for each in getattr(its, "in")), default=0))
    return min((size for size in sizes if size), default=0) + _AROUND_VALUE


def _longest_match(pattern: str) -> int:
    """How many bytes a match may have, or more; 0 where there is no end to it."""
    if re.search(r"(?<!\\)[*+]|\{\d+,\}", pattern):
        return 0
    counts = re.findall(r"\{(?:\d+,)?(\d+)\}", pattern)
    takes_any = re.search(r"(?<!\\)\.|\[\^|\\[pPSWD]", pattern)
    characters = len(pattern) + sum(int(count) for count in counts)
    return characters * (_CHARACTER if takes_any else 1)
