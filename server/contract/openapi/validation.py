"""The contract's validation rules as keywords of JSON Schema."""

from typing import Any

from server.contract import rules as contract

Keywords = dict[str, Any]

# Formats that both know, by the names that protovalidate has for them.
_FORMATS = {
    "email": "email",
    "uuid": "uuid",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
}
_OF_STRINGS = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_OF_NUMBERS = {
    "gte": "minimum",
    "gt": "exclusiveMinimum",
    "lte": "maximum",
    "lt": "exclusiveMaximum",
}
_OF_LISTS = {"min_items": "minItems", "max_items": "maxItems"}
_OF_MAPS = {"min_pairs": "minProperties", "max_pairs": "maxProperties"}


def of_value(rules: Any) -> Keywords:
    """What a string or a number may be; nothing for other types."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _of_string(rules.string)
    if kind in ("repeated", "map", "enum", "bool", "bytes", "timestamp", "any", None):
        return {}
    return _said(getattr(rules, kind), _OF_NUMBERS)


def of_list(rules: Any) -> Keywords:
    """How many items a list may have."""
    unique = {"uniqueItems": True} if rules.repeated.unique else {}
    return _said(rules.repeated, _OF_LISTS) | unique


def of_map(rules: Any) -> Keywords:
    """How many members a map may have, and how they may be called."""
    names = of_value(rules.map.keys)
    return _said(rules.map, _OF_MAPS) | ({"propertyNames": names} if names else {})


def of_words(rules: Any) -> list[str]:
    """The rules that no keyword says, as sentences: each what the value must be."""
    said = [rule.message for rule in rules.cel]
    for rule, is_on in rules.string.ListFields():
        if rule.is_extension and is_on:
            said += [each.message for each in contract.of_predefined(rule).cel]
    if rules.string.max_bytes:
        said.append(f"must be {rules.string.max_bytes} bytes of UTF-8 at most")
    if rules.timestamp.lt_now:
        said.append("must not be in the future")
    return said


def or_empty(keywords: Keywords, rules: Any) -> Keywords:
    """The same, or an empty text where the rules let one pass as if it were not there."""
    choices = rules.DESCRIPTOR.fields_by_name["ignore"].enum_type.values_by_number
    is_ignored = choices[rules.ignore].name == "IGNORE_IF_ZERO_VALUE"
    if not is_ignored or keywords.get("type") != "string":
        return keywords
    return {"anyOf": [keywords, {"type": "string", "maxLength": 0}]}


def _of_string(rules: Any) -> Keywords:
    made = _said(rules, _OF_STRINGS)
    if rules.HasField("len"):
        made |= {"minLength": rules.len, "maxLength": rules.len}
    if rules.HasField("max_bytes"):
        # A character has one byte at least.
        made.setdefault("maxLength", rules.max_bytes)
    if rules.HasField("const"):
        made["const"] = rules.const
    if allowed := list(getattr(rules, "in")):
        made["enum"] = allowed
    if (known := rules.WhichOneof("well_known")) in _FORMATS:
        made["format"] = _FORMATS[known]
    return made


def _said(rules: Any, names: dict[str, str]) -> Keywords:
    return {
        keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)
    }
