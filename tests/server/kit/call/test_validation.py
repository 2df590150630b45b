"""Every broken rule is named, by the path that a REST caller would write."""

from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.server.kit.ping import Ping, request
from tests.server.refusals import Refused, refused


async def invalid(ping: Ping, message: Any) -> Refused:
    answer = await refused(ping.call("Ping", message))
    assert answer.reason == "VALIDATION_FAILED"
    assert answer.headers["x-http-status"] == "422"
    return answer


async def test_every_broken_rule_is_named(ping: Ping) -> None:
    answer = await invalid(
        ping,
        request(
            text="x" * 21,
            request_id="k" * 65,
            items=[{"quantity": 1}, {"quantity": -1}, {"quantity": -2}],
        ),
    )
    assert list(answer.violations) == [
        "text",
        "request_id",
        "items[1].quantity",
        "items[2].quantity",
    ]
    assert answer.message.startswith("4 fields are invalid: text, request_id")


async def test_one_broken_rule_says_what_to_correct(ping: Ping) -> None:
    answer = await invalid(ping, request(text="x" * 21))
    assert answer.message == "text: must be at most 20 characters"
    assert "20" in answer.violations["text"]


async def test_map_keys_are_part_of_the_path(ping: Ping) -> None:
    answer = await invalid(ping, request(counts={"apples": 0}, shelves={"left": {"quantity": -1}}))
    assert set(answer.violations) == {"counts[apples]", "shelves[left].quantity"}


async def test_a_rule_of_the_whole_message_speaks_for_itself(ping: Ping) -> None:
    answer = await invalid(ping, request(please=True, thanks=True))
    assert answer.violations == {"": "say please or thanks, not both"}
    assert answer.message == "say please or thanks, not both"


async def test_a_rule_of_the_message_beside_one_of_a_field(ping: Ping) -> None:
    answer = await invalid(ping, request(please=True, thanks=True, text="x" * 21))
    assert set(answer.violations) == {"", "text"}
    assert answer.message == "text: must be at most 20 characters"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"text": "a\0"}, "text"),
        ({"text": "\0"}, "text"),
        ({"items": [{}, {"name": "a\0b"}]}, "items[1].name"),
        ({"tags": ["fine", "a\0b"]}, "tags[1]"),
        ({"counts": {"a\0b": 1}}, "counts"),
        ({"shelves": {"left": {"name": "a\0b"}}}, "shelves[left].name"),
        ({"note": StringValue(value="a\0b")}, "note.value"),
        ({"extra": {"deep": {"deeper": ["a\0b"]}}}, "extra.fields[deep]"),
    ],
    ids=str,
)
async def test_nul_is_refused_anywhere(ping: Ping, fields: dict[str, Any], path: str) -> None:
    (field,) = (await invalid(ping, request(**fields))).violations
    assert field.startswith(path)


async def test_every_nul_is_named(ping: Ping) -> None:
    answer = await invalid(ping, request(text="\0", items=[{"name": "\0"}, {"name": "\0"}]))
    assert list(answer.violations) == ["text", "items[0].name", "items[1].name"]


async def test_zero_bytes_that_are_no_text_pass(ping: Ping) -> None:
    zero = request(note=StringValue(), items=[{"quantity": 0}], tags=["", ""])
    zero.sent_at.seconds = 128 << 7  # its last varint byte is zero in none; its length is
    zero.extra["zero"] = 0.0  # eight zero bytes
    assert 0 in zero.SerializeToString()
    assert await ping.call("Ping", zero)


async def test_text_of_every_script_passes(ping: Ping) -> None:
    assert (await ping.call("Ping", request(text="Ω ≠ 数 🛒 é"))).text == "Ω ≠ 数 🛒 é"
