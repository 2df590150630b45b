"""What is held of a person, as records of bounded pages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from google.protobuf import json_format

from server.kit import errors
from server.kit.exporting import BYTES_MAX, Held, check_asked, to_part, to_record

ID = "01900000-0000-7000-8000-00000000000a"


class Colour(StrEnum):
    RED = "RED"


@dataclass(frozen=True)
class Line:
    name: str
    price: Decimal


@dataclass(frozen=True)
class Thing:
    at: datetime
    colour: Colour
    lines: tuple[Line, ...]
    nothing: None
    secret: bytes


def held(*rows: Any, has_more: bool = False) -> Held:
    return Held([(str(n), row) for n, row in enumerate(rows)], 99, has_more)


def test_a_record_is_plain_json_without_what_is_absent_or_secret() -> None:
    moment = datetime(2026, 5, 17, 14, 0, 0, 5, timezone(timedelta(hours=2)))
    thing = Thing(moment, Colour.RED, (Line("Mug", Decimal("2.50")),), None, b"hash")
    assert json_format.MessageToDict(to_record(thing)) == {
        "at": "2026-05-17T12:00:00.000005Z",
        "colour": "RED",
        "lines": [{"name": "Mug", "price": "2.50"}],
    }
    record = to_record({"at": datetime(2026, 5, 17, tzinfo=UTC), "count": 3})
    assert json_format.MessageToDict(record) == {"at": "2026-05-17T00:00:00Z", "count": 3}


async def test_all_of_it_is_not_truncated() -> None:
    part = await to_part("things", held({"a": 1}, {"a": 2}))
    assert (part.name, part.record_count, part.truncated) == ("things", 99, False)
    assert ([record["a"] for record in part.records], part.next_page_token) == ([1, 2], "")
    assert not (await to_part("things", held())).records


async def test_a_page_ends_where_the_bytes_do_and_says_where_the_next_begins() -> None:
    part = await to_part("things", held(*({"a": "x" * (BYTES_MAX // 3)} for _ in range(5))))
    assert (len(part.records), part.truncated, part.next_page_token) == (2, True, "1")
    wide = {"a": "x" * (BYTES_MAX + 1)}
    part = await to_part("things", held(wide, wide))
    assert (len(part.records), part.next_page_token) == (1, "0"), "one that is larger goes alone"
    part = await to_part("things", held({"a": 1}, has_more=True))
    assert (part.truncated, part.next_page_token) == (True, "0")


def test_what_there_is_not_cannot_be_asked_for() -> None:
    with pytest.raises(errors.InvalidFilter):
        check_asked("secrets", "", ["things"])
    with pytest.raises(errors.InvalidPageToken):
        check_asked("", "7", ["things"])


@pytest.mark.parametrize("token", ["7", "none", ID.upper(), ID.replace("-", ""), f"{{{ID}}}"])
def test_the_token_of_a_page_is_an_id_as_it_was_given(token: str) -> None:
    check_asked("things", ID, ["things"])
    with pytest.raises(errors.InvalidPageToken):
        check_asked("things", token, ["things"])
