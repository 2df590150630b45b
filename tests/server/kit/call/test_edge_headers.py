"""What REST says in headers reaches the request; fields that do not exist are refused."""

from typing import Any

import grpc
import pytest

from server.kit.call.edge_headers import EdgeHeaders
from server.kit.call.method import methods
from tests.server.kit.ping import Ping, described, request
from tests.server.refusals import Refused, refused

OWN_KEY = "0190b0a0-0000-7000-8000-000000000001"


def rest(fields: str | None) -> dict[str, str]:
    report = {} if fields is None else {"x-body-fields": fields}
    return {"x-emporium-door": "rest", **report}


@pytest.mark.parametrize(
    ("sent", "etag"),
    [
        ('"7"', "7"),
        ('W/"7"', "7"),
        ("7", "7"),
        ("*", ""),
        ('""', ""),
        ('"a b"', "a b"),
    ],
)
async def test_if_match_fills_an_empty_etag(ping: Ping, sent: str, etag: str) -> None:
    assert (await ping.call("Ping", headers={"if-match": sent})).etag == etag


async def test_the_idempotency_key_fills_an_empty_request_id(ping: Ping) -> None:
    for sent in (OWN_KEY, f'"{OWN_KEY}"'):
        answer = await ping.call("Ping", headers={"idempotency-key": sent})
        assert answer.request_id == OWN_KEY


async def test_what_the_body_says_goes_before_what_headers_say(ping: Ping) -> None:
    headers = {"idempotency-key": "theirs", "if-match": '"theirs"'}
    answer = await ping.call("Ping", request(request_id="mine", etag="mine"), headers=headers)
    assert (answer.request_id, answer.etag) == ("mine", "mine")


async def test_a_key_from_a_header_keeps_the_fields_rules(ping: Ping) -> None:
    answer = await refused(ping.call("Ping", headers={"idempotency-key": "k" * 65}))
    assert (answer.reason, list(answer.violations)) == ("VALIDATION_FAILED", ["request_id"])


@pytest.mark.parametrize("name", ["Collect", "Echo"])
async def test_messages_of_a_stream_are_filled_too(ping: Ping, name: str) -> None:
    headers = {"idempotency-key": "k" * 65}
    answer = await refused(ping.call(name, [request()], headers=headers))
    assert list(answer.violations) == ["request_id"]


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "text",
        "text,items,items.quantity,items.name",
        "request_id,requestId,ownerId",
        "items.quantity,text,text",
        "counts,counts.apples,counts.??",
        "shelves,shelves.left,shelves.left.name",
        "update_mask,updateMask,sentAt,note",
        "extra,extra.anything,extra.anything.at_all",
    ],
)
async def test_names_that_exist_pass(ping: Ping, fields: str) -> None:
    for _ in range(2):  # the second time from memory
        assert await ping.call("Create", headers=rest(fields))


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ("emial", "emial"),
        ("text,items.price", "items.price"),
        ("text.length", "text.length"),
        ("tags.first", "tags.first"),
        ("item", "item"),
        ("TEXT", "TEXT"),
        ("sent_at.year", "sent_at.year"),
        (",", ""),
        ("text.", "text."),
        ("owner?id", "owner?id"),
    ],
)
async def test_names_that_do_not_exist_are_told(ping: Ping, fields: str, unknown: str) -> None:
    for _ in range(2):  # not remembered as known
        answer = await create_refused(ping, rest(fields))
        assert (answer.code, answer.reason) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNKNOWN_FIELD",
        )
        assert f"'{unknown}'" in answer.message


async def test_a_rest_call_without_the_edges_report_is_refused(ping: Ping) -> None:
    assert (await create_refused(ping, rest(None))).reason == "MALFORMED_REQUEST"


async def test_a_body_in_an_additional_binding_is_a_body(ping: Ping) -> None:
    answer = await refused(ping.call("Ping", headers=rest("emial")))
    assert answer.reason == "UNKNOWN_FIELD"


async def test_native_grpc_needs_no_report(ping: Ping) -> None:
    assert await ping.call("Create")
    assert await ping.call("Create", headers={"x-body-fields": "emial"})


def test_a_request_without_such_fields_is_not_slowed_down() -> None:
    proto = """
        syntax = "proto3";
        package bare;
        import "emporium/options/v1/options.proto";
        message Empty {}
        service Bare {
          rpc Do(Empty) returns (Empty) {
            option (emporium.options.v1.access) = {audience: PUBLIC};
          }
        }
    """
    (method,) = methods(described(proto, "bare.proto"))
    assert EdgeHeaders().gate(method) is None


async def create_refused(ping: Ping, headers: dict[str, Any]) -> Refused:
    return await refused(ping.call("Create", headers=headers))
