"""Requests of any rpc by chance, from the contract alone: good ones, and some that are wrong."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import assume
from hypothesis import strategies as st

from tests import asking
from tests.e2e.doors.contract import HTTP_BODY, Contract, form_of
from tests.e2e.doors.stand_ins import IDS, OWN, PASSWORD
from tests.e2e.extreme_requests import INTERNAL
from tests.e2e.extremes import by_grpc, places, put

Strategy = st.SearchStrategy[Any]
Draw = Callable[[Strategy], Any]

OPTIONAL_AT_ONCE = 3  # more of them, and one would be refused nearly always
LENGTH = 40  # of texts, where they may be longer
ITEMS = 3  # of lists
INT32 = 2**31
LONG_AGO, LATELY = 536_457_600, int(time.time()) - 60  # seconds since 1970
_LEAST, _MOST = {"gte": 0, "gt": 1}, {"lte": 0, "lt": -1}
_NANOS = st.sampled_from([0, 1_000, 123_456_789, 999_999_999])
_TYPES = st.sampled_from(["application/json", "text/plain"])


def least(contract: Contract, rpc: MethodDescriptor) -> Message:
    """The least that is good: the example that people are shown of what the edge offers."""
    message: Message = asking.good(rpc) if rpc.name in INTERNAL else contract.example(rpc)
    return message


def _good(contract: Contract, rpc: MethodDescriptor) -> Strategy:
    kind: Any = GetMessageClass(rpc.input_type)
    made = _Making(contract, rpc)
    if rpc.input_type.full_name == HTTP_BODY:
        return made.form()
    return made.message(contract.described(rpc)).map(lambda content: kind(**content))


def requests(contract: Contract, rpc: MethodDescriptor) -> Strategy:
    """Good ones, and some that are wrong in one place."""
    good = _good(contract, rpc)
    wrong = [(place, value) for place in places(rpc.input_type) for value in by_grpc(place)]
    if not wrong:
        return good

    @st.composite
    def broken(draw: Draw) -> Message:
        message, (place, value) = draw(good), draw(st.sampled_from(wrong))
        try:
            changed: Message = put(message, place.path, value)
        except (IndexError, TypeError, ValueError):
            assume(False)  # no message can hold it, or this one has no place for it
            raise
        # Of what must be new, something good would be so for the first door alone.
        assume(not contract.is_new(rpc, place.path[-1]) or contract.violations(changed))
        return changed

    return st.one_of(good, good, broken())


@dataclass(frozen=True)
class _Making:
    """What the fields of one rpc's request may hold."""

    contract: Contract
    rpc: MethodDescriptor

    def message(self, described: Any) -> Strategy:
        needed = self.contract.required(described)
        fields = {field.name: field for field in described.fields}
        optional = sorted(fields.keys() - {*needed})
        some = st.lists(st.sampled_from(optional or [""]), unique=True, max_size=OPTIONAL_AT_ONCE)

        @st.composite
        def content(draw: Draw) -> dict[str, Any]:
            names = [*needed, *(draw(some) if optional else [])]
            return {name: draw(self._field(fields[name])) for name in names}

        return content()

    def form(self) -> Strategy:
        good = self.contract.form(self.rpc)
        parts = st.lists(st.sampled_from([*good.split("&"), "scope=orders.read", "x=%41", "&"]))
        texts = st.just(good) | parts.map("&".join) | st.text("a=&%+", max_size=LENGTH)
        return texts.map(lambda text: form_of(self.rpc, text))

    def _field(self, field: Any) -> Strategy:
        its = self.contract.rules_of(field)
        within = field.message_type
        if within is not None and within.GetOptions().map_entry:
            names = self._one(within.fields_by_name["key"], its.map.keys)
            values = self._one(within.fields_by_name["value"], its.map.values)
            return st.dictionaries(names, values, max_size=min(its.map.max_pairs or ITEMS, ITEMS))
        if not field.is_repeated:
            return self._one(field, its)
        least = its.repeated.min_items
        most = max(least, min(its.repeated.max_items or ITEMS, ITEMS))
        one = self._one(field, its.repeated.items)
        if its.repeated.unique:
            return st.lists(one, min_size=least, max_size=most, unique=True)
        return st.lists(one, min_size=least, max_size=most)

    def _one(self, field: Any, its: Any) -> Strategy:
        if field.message_type is not None:
            return self._part(field)
        if field.enum_type is not None:
            return st.sampled_from(self.contract.choices(field))
        if field.type == FieldDescriptor.TYPE_BYTES:
            return st.binary(max_size=min(its.bytes.max_len or LENGTH, LENGTH))
        if field.type == FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        if field.type == FieldDescriptor.TYPE_STRING:
            return self._text(field, its.string)
        return _number(its)

    def _part(self, field: Any) -> Strategy:
        name = field.message_type.full_name
        if name == "google.protobuf.Timestamp":
            seconds = st.just(LATELY) | st.integers(LONG_AGO, LATELY)
            return st.builds(dict, seconds=seconds, nanos=_NANOS)
        if name == HTTP_BODY:  # the extensions of one are no message that JSON knows
            return st.builds(dict, content_type=_TYPES, data=st.binary(max_size=LENGTH))
        if name == "google.protobuf.FieldMask":
            names = [each.name for each in field.containing_type.fields]
            paths = st.lists(st.sampled_from(names), unique=True, max_size=OPTIONAL_AT_ONCE)
            return st.builds(dict, paths=paths)
        return self.message(field.message_type)

    def _text(self, field: Any, its: Any) -> Strategy:
        own = st.just(self.contract.stand_in(self.rpc, field.name))
        if self.contract.is_new(self.rpc, field.name):
            return own
        if field.name.endswith("password"):
            return st.sampled_from([PASSWORD, "another horse"])
        if its.email:
            return own | st.emails()
        if its.uuid:
            known = [each for each, (name, _) in IDS.items() if name.startswith(field.name[:-1])]
            return st.sampled_from(known) | _ids() if known else _ids()
        if allowed := list(getattr(its, "in")):
            return st.sampled_from(allowed)
        said = self.contract.words(field) + [OWN[each] for each in OWN if each == field.name]
        free = st.from_regex(its.pattern, fullmatch=True) if its.pattern else _free(its)
        free = free.filter(lambda text: self.contract.takes(field, text))
        return st.sampled_from(said) | free if said else free


def _number(its: Any) -> Strategy:
    kind = its.WhichOneof("type")
    said = getattr(its, kind) if kind else None

    def end(steps: dict[str, int], otherwise: int) -> int:
        found = [
            getattr(said, name) + steps[name] for name in steps if said and said.HasField(name)
        ]
        return found[0] if found else otherwise

    return st.integers(end(_LEAST, -INT32), end(_MOST, INT32 - 1))


def _ids() -> Strategy:
    return st.uuids().map(str)


def _free(its: Any) -> Strategy:
    most = min(its.max_len or its.max_bytes // 4 or LENGTH, LENGTH)
    return st.text(st.characters(codec="utf-8"), min_size=min(its.min_len, most), max_size=most)
