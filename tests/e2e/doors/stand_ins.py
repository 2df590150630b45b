"""What a request names that has to be there, or to be new: one word for it before it is made.

So the same request can be sent by every door, and each is about something of its own.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.access_oracle import Whose
from tests.e2e.access_scene import OBJECTS

ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
# Of an order: as random as an id.
ORDER_NUMBER = re.compile(r"\b[0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3}\b")
# Of what must be new: a product's number, or an e-mail before its @.
NEW = "0123456789abcdef" * 2
PASSWORD = "correct horse battery"


def id_of(name: str, whose: Whose) -> str:
    """Stands for what the field of that name names."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{whose.value} {name}"))


IDS = {id_of(name, whose): (name, whose) for name in OBJECTS for whose in Whose}
# By the field that says it, what only somebody with an account has.
OWN = {
    "email": "own@stand-in.example",
    "secret": "emp_own",
    "refresh_token": "rt_own",
    "totp_code": "314159",
}
_WORD = re.compile("|".join([ID.pattern, NEW, *map(re.escape, OWN.values())]))


def named(message: Message) -> set[str]:
    """The stand-ins that the message has, and every other id."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.update(_WORD.findall(text))
        return text

    replaced(message, note)
    return found


def filled(message: Message, real: Mapping[str, str]) -> Any:
    """The message with what is real in place of each stand-in."""
    return replaced(message, lambda text: _WORD.sub(lambda at: real.get(at[0], at[0]), text))


def replaced(message: Message, change: Callable[[str], str]) -> Any:
    """A copy of the message with every text in it changed, however deep it stands."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field, value in copy.ListFields():
        if _is_map(field):
            changed = {_changed(k, change): _changed(v, change) for k, v in value.items()}
            value.clear()
            value.update(changed)
        elif field.is_repeated:
            values = [_changed(each, change) for each in value]
            copy.ClearField(field.name)
            getattr(copy, field.name).extend(values)
        elif field.message_type is not None:
            value.CopyFrom(replaced(value, change))
        else:
            setattr(copy, field.name, _changed(value, change))
    return copy


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Message):
        return replaced(value, change)
    if isinstance(value, bytes):
        return change(value.decode("latin-1")).encode("latin-1")
    return change(value) if isinstance(value, str) else value


def _is_map(field: FieldDescriptor) -> bool:
    within: Any = field.message_type
    return within is not None and bool(within.GetOptions().map_entry)
