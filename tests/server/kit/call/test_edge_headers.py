"""What callers send in headers reaches the request, or the call is refused."""

from typing import Any

import grpc
import pytest

from server.kit import errors
from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.method import methods
from server.kit.context import Context
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, described, request, response
from tests.server.refusals import refused

OWN_KEY = "0190b0a0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("sent", "etag"),
    [
        ('"7"', "7"),
        ("7", "7"),
        ("*", ""),
        (" * ", ""),
        ('"7", "8"', "7\n8"),
        ('"7","7" , "8",', "7\n8"),
        ('W/"7", "8"', "8"),
        ('"a,b"', "a,b"),
    ],
)
async def test_if_match_fills_an_empty_etag(ping: Ping, sent: str, etag: str) -> None:
    assert (await ping.call("Ping", headers={"if-match": sent})).etag == etag


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        '""',
        'W/"7"',
        '"7',
        '7"',
        '"7" "8"',
        '"7";',
        '"a b"',
        "7, 8",
        "7 8",
        '*, "7"',
        "**,",
    ],
)
async def test_an_if_match_that_cannot_hold_fails_closed(ping: Ping, sent: str) -> None:
    answer = await refused(ping.call("Ping", headers={"if-match": sent}))
    assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_what_replaces_a_whole_says_what_it_is_made_on(ping: Ping) -> None:
    for asked in (request(), request(text="new")):
        answer = await refused(ping.call("Replace", asked))
        assert (answer.reason, answer.fields) == ("PRECONDITION_REQUIRED", ["etag"])
        assert answer.code == grpc.StatusCode.INVALID_ARGUMENT
        assert answer.headers["x-http-status"] == "428"
    assert (await ping.call("Replace", request(etag="7"))).etag == "7"
    assert (await ping.call("Replace", headers={"if-match": '"7"'})).etag == "7"
    assert (await ping.call("Replace", headers={"if-match": "*"})).etag == ""
    assert await ping.call("Change", request())


async def test_a_precondition_that_cannot_hold_is_no_missing_one(ping: Ping) -> None:
    for sent in ('W/"7"', "", '""'):
        answer = await refused(ping.call("Replace", headers={"if-match": sent}))
        assert answer.reason == "ETAG_MISMATCH"


@pytest.mark.parametrize("sent", ["*", '"7"', 'W/"7"', "", "nonsense"])
@pytest.mark.parametrize("name", ["Ping", "Create", "Change", "Delete"])
async def test_an_if_none_match_makes_no_change(ping: Ping, name: str, sent: str) -> None:
    answer = await refused(ping.call(name, headers={"if-none-match": sent}))
    assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_an_if_none_match_is_for_reads(ping: Ping) -> None:
    assert await ping.call("Read", headers={"if-none-match": "*"})


async def test_two_lines_of_if_match_are_one_list(ping: Ping) -> None:
    headers = Lines(("if-match", '"7"'), ("if-match", '"8"'))
    assert (await ping.call("Ping", headers=headers)).etag == "7\n8"


@pytest.mark.parametrize("sent", ["7 8", "7\n8", "7\n"])
async def test_an_etag_that_a_request_has_is_one(ping: Ping, sent: str) -> None:
    found = (await ping.call("Ping", request(etag=sent))).etag
    for etag in ("7", "8"):
        with pytest.raises(errors.Outdated):
            errors.Outdated.check(found, etag, "thing")


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        (OWN_KEY, OWN_KEY),
        (f'"{OWN_KEY}"', OWN_KEY),
        (r'"a\"b\\c"', r'a"b\c'),
        ("my-first-order", "my-first-order"),
        ("a=b;c", "a=b;c"),
    ],
)
async def test_a_key_is_unquoted_once(ping: Ping, sent: str, key: str) -> None:
    answer = await ping.call("Ping", headers={"idempotency-key": sent})
    assert answer.request_id == key


async def test_as_keys_the_quoted_and_the_bare_one_are_two(running: Running) -> None:
    keys: list[str] = []

    async def tell(message: Any, context: Context) -> Any:
        assert context.key
        keys.append(context.key.key)
        return response()

    async with running(tell) as ping:
        for sent in ("x", '"x"'):
            await ping.call("Ping", headers={"idempotency-key": sent})
        await ping.call("Ping", request(request_id="x"))
    assert keys == ["x", '"x"', "x"]


@pytest.mark.parametrize(
    "sent", ["", " ", "*", '""', '"x', 'x"', 'W/"x"', '"x";a=1', '"x", "y"', "x,y", "x y", r'"\x"']
)
async def test_a_key_that_cannot_be_read_fails_closed(ping: Ping, sent: str) -> None:
    answer = await refused(ping.call("Ping", headers={"idempotency-key": sent}))
    assert (answer.reason, answer.fields) == ("VALIDATION_FAILED", ["request_id"])


async def test_two_keys_are_none(ping: Ping) -> None:
    headers = Lines(("idempotency-key", "x"), ("idempotency-key", "y"))
    assert (await refused(ping.call("Ping", headers=headers))).fields == ["request_id"]


async def test_what_headers_and_request_say_must_agree(ping: Ping) -> None:
    mine = request(request_id="mine", etag="mine")
    agreeing = {"idempotency-key": "mine", "if-match": '"theirs", "mine"'}
    answer = await ping.call("Ping", mine, headers=agreeing)
    assert (answer.request_id, answer.etag) == ("mine", "mine")
    for header, reason in (("idempotency-key", "VALIDATION_FAILED"), ("if-match", "ETAG_MISMATCH")):
        answer = await refused(ping.call("Ping", mine, headers={header: "theirs"}))
        assert answer.reason == reason


@pytest.mark.parametrize(
    ("report", "field", "reason"),
    [
        ({"x-body-fields": "etag"}, "etag", "ETAG_MISMATCH"),
        ({"x-query-fields": "etag"}, "etag", "ETAG_MISMATCH"),
        ({"x-body-fields": "text,request_id"}, "request_id", "VALIDATION_FAILED"),
        ({"x-body-fields": "requestId"}, "request_id", "VALIDATION_FAILED"),
    ],
)
async def test_an_empty_one_that_was_named_fails_closed(
    ping: Ping, report: dict[str, str], field: str, reason: str
) -> None:
    headers = {"x-emporium-door": "rest", "x-body-fields": "", "x-query-fields": "", **report}
    beside = {"etag": {"if-match": '"mine"'}, "request_id": {"idempotency-key": "mine"}}[field]
    for more in ({}, beside):
        answer = await refused(ping.call("Ping", headers=headers | more))
        assert (answer.reason, answer.fields) == (reason, [field])


async def test_a_key_from_a_header_keeps_the_fields_rules(ping: Ping) -> None:
    answer = await refused(ping.call("Ping", headers={"idempotency-key": "k" * 65}))
    assert (answer.reason, list(answer.violations)) == ("VALIDATION_FAILED", ["request_id"])


@pytest.mark.parametrize("name", ["Collect", "Echo"])
async def test_messages_of_a_stream_are_filled_too(ping: Ping, name: str) -> None:
    headers = {"idempotency-key": "k" * 65}
    answer = await refused(ping.call(name, [request()], headers=headers))
    assert list(answer.violations) == ["request_id"]


PROTO = """
    syntax = "proto3";
    package bare;
    import "emporium/options/v1/options.proto";
    message Empty {}
    service Bare {
      rpc Read(Empty) returns (Empty) {
        option (emporium.options.v1.access) = {audience: PUBLIC};
        option idempotency_level = NO_SIDE_EFFECTS;
      }
      rpc Change(Empty) returns (Empty) {
        option (emporium.options.v1.access) = {audience: PUBLIC};
      }
    }
"""


def test_a_read_without_such_fields_is_not_slowed_down() -> None:
    read, change = methods(described(PROTO, "bare.proto"))
    assert EdgeHeaders().gate(read) is None
    assert EdgeHeaders().gate(change), "its If-Match could not be kept, and is refused"


class Lines:
    """Metadata in which a name may come twice."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = pairs

    def items(self) -> Any:
        """What `Ping.call` reads."""
        return self._pairs
