"""Where the messages of a stream say how to go on with it, read from its descriptor."""

import re
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from emporium.options.v1 import options_pb2

_NUMBER = re.compile(r"-?[0-9]{1,20}")
_NOT_IN_A_LINE = re.compile(r"[\0\r\n]")
_Field = FieldDescriptor
_NUMBERS = {
    *(_Field.TYPE_INT32, _Field.TYPE_INT64, _Field.TYPE_UINT32, _Field.TYPE_UINT64),
    *(_Field.TYPE_SINT32, _Field.TYPE_SINT64),
    *(_Field.TYPE_FIXED32, _Field.TYPE_FIXED64, _Field.TYPE_SFIXED32, _Field.TYPE_SFIXED64),
}


class UnfitEventId(Exception):
    """An rpc names a field for the id of an event that cannot be one."""


@dataclass(frozen=True)
class EventIds:
    """The fields, by their names; empty: there is none."""

    field: str = ""  # of the response: what tells it from the others
    last_field: str = ""  # of the request: after which response to begin
    is_number: bool = False

    def value_of(self, text: str) -> int | str:
        """What a field holds where an id is written so. Raises `ValueError`."""
        if not self.is_number:
            return text
        if not _NUMBER.fullmatch(text):
            raise ValueError("not a number")
        return int(text)

    def text_of(self, response: Any) -> str:
        """The id as text; empty where `response` has none. Raises `ValueError`."""
        told = getattr(response, self.field) if self.field else None
        text = str(told) if told else ""
        if _NOT_IN_A_LINE.search(text):
            raise ValueError(f"{self.field} is an event's id, and more than a line")
        return text


NO_EVENT_IDS = EventIds()


def read(method: MethodDescriptor) -> EventIds:
    """Those of a stream of responses. Raises `UnfitEventId`."""
    asked = _only(method, method.input_type, options_pb2.last_event_id)
    told = _only(method, method.output_type, options_pb2.event_id)
    if not method.server_streaming:
        return NO_EVENT_IDS
    if asked and (not told or told.type != asked.type):
        raise UnfitEventId(f"{method.full_name}: {asked.name!r} is no id of its responses")
    return EventIds(
        field=told.name if told else "",
        last_field=asked.name if asked else "",
        is_number=told is not None and told.type in _NUMBERS,
    )


def _only(method: MethodDescriptor, message: Any, option: Any) -> Any:
    """The field of `message` that has the option; None where none has."""
    found = [field for field in message.fields if field.GetOptions().Extensions[option]]
    fit = {*_NUMBERS, _Field.TYPE_STRING}
    if len(found) > 1 or any(each.is_repeated or each.type not in fit for each in found):
        raise UnfitEventId(f"{method.full_name}: a number or a text, and one, is the id of events")
    return found[0] if found else None
