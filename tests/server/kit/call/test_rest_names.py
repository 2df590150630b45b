"""Each field has one place where a REST caller may say it; whatever else is named is refused."""

from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from grpc import StatusCode

from server.kit.context import Context
from tests.server.conftest import Token
from tests.server.kit.conftest import Lines, Running
from tests.server.kit.ping import Ping, request, response
from tests.server.refusals import Refused, refused


def rest(body: str | None = "", query: str | None = "", size: int | None = None) -> dict[str, str]:
    """What the edge reports of a call."""
    told = {
        "x-body-fields": body,
        "x-query-fields": query,
        "x-body-bytes": str(size if size is not None else 2 if body else 0),
    }
    reported = {name: value for name, value in told.items() if value is not None}
    return {"x-emporium-door": "rest", **reported}


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "text",
        "text,items,items.quantity,items.name",
        "request_id,ownerId",
        "items.quantity,text,text",
        "counts,counts.apples,counts.??",
        "shelves,shelves.left,shelves.left.name",
        "update_mask,updateMask,sentAt,note",
        "extra,extra.anything,~extra.any_thing,extra.anything.at_all",
    ],
)
async def test_names_that_exist_pass(ping: Ping, fields: str) -> None:
    for _ in range(2):  # the second time from memory
        assert await ping.call("Create", request(request_id="1"), headers=rest(fields))


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
@pytest.mark.parametrize("door", ["body", "query"])
async def test_names_that_do_not_exist_are_told(
    ping: Ping, door: str, fields: str, unknown: str
) -> None:
    for _ in range(2):  # not remembered as known
        answer = await told(ping, {"body": "Create", "query": "Ping"}[door], **{door: fields})
        assert (answer.code, answer.reason) == (StatusCode.INVALID_ARGUMENT, "UNKNOWN_FIELD")
        assert f"'{unknown}'" in answer.message


@pytest.mark.parametrize("report", [{"body": None}, {"query": None}])
@pytest.mark.parametrize("rpc", ["Create", "Change", "Read"])
async def test_a_rest_call_without_the_edges_report_is_refused(
    ping: Ping, rpc: str, report: dict[str, None]
) -> None:
    assert (await told(ping, rpc, **report)).reason == "MALFORMED_REQUEST"


@pytest.mark.parametrize("name", ["owner_id", "ownerId", "owner_id.x", "+owner_id"])
@pytest.mark.parametrize(
    ("rpc", "door"), [("Read", "query"), ("Change", "query"), ("Change", "body")]
)
async def test_what_the_path_says_nobody_else_may_say(
    ping: Ping, rpc: str, door: str, name: str
) -> None:
    answer = await told(ping, rpc, **{door: name})
    assert answer.code == StatusCode.INVALID_ARGUMENT
    assert answer.reason == ("UNKNOWN_FIELD" if name.endswith(".x") else "MALFORMED_REQUEST")


@pytest.mark.parametrize("name", ["first", "first.name"])
async def test_nor_a_message_that_holds_it(ping: Ping, name: str) -> None:
    assert (await told(ping, "Delete", query=name)).reason == "MALFORMED_REQUEST"
    assert await ping.call("Delete", headers=rest(query="first.quantity"))


async def test_that_is_said_before_it_is_asked_whose_it_is(ping: Ping, token: Token) -> None:
    """Else the answer would be about the account that the query names."""
    headers = rest(query="owner_id")
    answer = await refused(ping.call("OwnedByPath", token=token("CUSTOMER"), headers=headers))
    assert answer.reason == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    ("body", "size", "reason"),
    [("etga", 12, "UNKNOWN_FIELD"), ("text", 12, "UNKNOWN_FIELD"), ("", 2, "MALFORMED_REQUEST")],
)
@pytest.mark.parametrize("rpc", ["Read", "Delete"])
async def test_a_body_comes_only_where_the_contract_declares_one(
    ping: Ping, rpc: str, body: str, size: int, reason: str
) -> None:
    answer = await refused(ping.call(rpc, headers=rest(body, size=size)))
    assert (answer.code, answer.reason) == (StatusCode.INVALID_ARGUMENT, reason)


async def test_where_the_body_is_all_the_query_is_nothing(ping: Ping) -> None:
    answer = await told(ping, "Create", query="text")
    assert (answer.reason, answer.fields) == ("UNKNOWN_FIELD", ["text"])


async def test_a_secret_never_stands_in_a_query(ping: Ping) -> None:
    answer = await told(ping, "Read", query="text,first.secret")
    assert (answer.reason, answer.fields) == ("MALFORMED_REQUEST", ["first.secret"])


@pytest.mark.parametrize("name", ["+text", "~request_id", "+items.name", "+extra.a", "+counts.a"])
async def test_nothing_is_named_twice_in_a_body(ping: Ping, name: str) -> None:
    for _ in range(2):
        answer = await told(ping, "Create", body=name)
        assert (answer.reason, answer.fields) == ("MALFORMED_REQUEST", [name[1:]])


async def test_in_a_query_only_a_repeated_field_is_named_twice(ping: Ping) -> None:
    assert (await told(ping, "Read", query="text,+text")).reason == "MALFORMED_REQUEST"
    assert await ping.call("Read", headers=rest(query="tags,+tags"))


async def test_a_body_in_an_additional_binding_is_a_body(ping: Ping) -> None:
    assert (await told(ping, "Ping", body="emial")).reason == "UNKNOWN_FIELD"


async def test_native_grpc_needs_no_report(ping: Ping) -> None:
    assert await ping.call("Create")
    assert await ping.call("Create", headers={"x-body-fields": "emial", "x-query-fields": "emial"})


async def told(ping: Ping, rpc: str, **report: Any) -> Refused:
    return await refused(ping.call(rpc, headers=rest(**report)))


@pytest.mark.parametrize("fields", ["?", "grant_type,+grant_type", ""])
async def test_a_raw_body_names_no_fields(running: Running, fields: str) -> None:
    async def tell(message: Any, context: Context) -> Any:
        return response(text=message.data.decode())

    async with running(tell) as ping:
        answer = await ping.call("Form", form(), headers=rest(fields, size=9))
    assert answer.text == "a=1"


async def test_a_raw_body_is_all_there_is(ping: Ping) -> None:
    for query in ("content_type", "grant_type"):
        answer = await refused(ping.call("Form", form(), headers=rest("?", query, size=9)))
        assert answer.reason == "UNKNOWN_FIELD"


def form() -> HttpBody:
    return HttpBody(content_type="application/x-www-form-urlencoded", data=b"a=1")


@pytest.mark.parametrize(
    ("rpc", "door", "name", "logged"),
    [
        ("Create", "body", "canary", "the request has no field '?'"),
        ("Create", "body", "items.canary", "the request has no field '?'"),
        ("Create", "body", "+extra.canary", "'extra' is named twice"),
        ("Create", "query", "canary", "'?' belongs into the body, not into the query"),
        ("Read", "query", "canary", "the request has no field '?'"),
        ("Read", "body", "canary", "'?': this call takes no body"),
        ("Change", "body", "owner_id", "'owner_id' is said by the path"),
    ],
)
async def test_a_name_that_the_caller_made_up_is_not_logged(
    ping: Ping, lines: Lines, rpc: str, door: str, name: str, logged: str
) -> None:
    answer = await told(ping, rpc, **{door: name})
    assert name.lstrip("+") in answer.message  # the caller is told
    assert [line["message"] for line in lines] == [logged]


async def test_a_long_name_is_cut(ping: Ping) -> None:
    answer = await told(ping, "Create", body="x" * 4000)
    assert answer.fields == ["x" * 128]


@pytest.mark.parametrize(
    ("names", "message", "fields"),
    [
        ("text,!", "double quotes", []),
        ("!", "double quotes", []),
        ("tags,!tags", "tags: must be an array", ["tags"]),
        ("tags,*tags", "tags: must not hold null", ["tags"]),
    ],
)
async def test_json_that_is_not_strict_is_refused(
    ping: Ping, names: str, message: str, fields: list[str]
) -> None:
    answer = await told(ping, "Create", body=names)
    assert (answer.reason, answer.fields) == ("MALFORMED_REQUEST", fields)
    assert message in answer.message
