"""What is told of requests that the transcoder cannot read."""

from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Edge, error_of


async def test_an_unknown_query_field_is_named(signed_in: httpx.AsyncClient) -> None:
    error = error_of(await signed_in.get("/api/v1/users?shoe=44"), 400, "UNKNOWN_FIELD")
    assert error["message"] == "the request has no field 'shoe'"
    assert error["details"][0]["field_violations"][0]["field"] == "shoe"


async def test_an_unknown_query_field_cannot_break_the_envelope(
    signed_in: httpx.AsyncClient,
) -> None:
    query = httpx.QueryParams({'"},"meta":{\\é\n': "x"})
    error_of(await signed_in.get("/api/v1/users", params=query), 400, "UNKNOWN_FIELD")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "JSON"),
        (b"[1]", "JSON"),
        (b'"text"', "JSON"),
        (b'{"age": "old"}', "age: must be a whole number"),
        (b'{"age": 1e99}', "age: must be a whole number"),
        (b'{"email": ["a"]}', ""),
        (b'{"email": {"a": 1}}', ""),
        (b"\xff\xfe", "JSON"),
        (b'{"email": "\xff"}', "JSON"),
        (b'{"full_name":' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
        (b'{"full_name":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", ""),
    ],
)
async def test_a_body_that_cannot_be_read(
    body: bytes, says: str, running: Edge, anonymous: httpx.AsyncClient
) -> None:
    answer = await anonymous.post("/api/v1/users", content=body)
    error = error_of(answer, 400, "MALFORMED_REQUEST")
    assert says in error["message"]
    assert not running.upstream.calls


@pytest.mark.parametrize(
    ("verb", "path"), [("POST", "/api/v1/auth/login"), ("DELETE", "/api/v1/auth/totp")]
)
@pytest.mark.parametrize("second", ["recovery_code", "recoveryCode"])
async def test_two_of_a_oneof_are_both_named(
    verb: str, path: str, second: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    body = {"totp_code": "271828", second: "314159"}
    answer = await signed_in.request(verb, path, json=body)
    error = error_of(answer, 400, "MALFORMED_REQUEST")
    assert error["message"] == "send one of totp_code and recovery_code, not both"
    assert violated(error) == ["totp_code", "recovery_code"]
    assert "271828" not in answer.text
    assert "314159" not in answer.text
    assert not running.upstream.calls


async def test_what_the_path_says_is_named_when_the_body_says_something_else(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.patch("/api/v1/users/271828", json={"user_id": "314159"})
    error = error_of(answer, 400, "MALFORMED_REQUEST")
    assert error["message"] == "'user_id' is said by the path"
    assert violated(error) == ["user_id"]
    assert "271828" not in answer.text
    assert "314159" not in answer.text
    assert not running.upstream.calls


def violated(error: dict[str, Any]) -> list[str]:
    """The fields that an error names."""
    return [
        each["field"] for detail in error["details"] for each in detail.get("field_violations", [])
    ]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("users", '{"full_name": ["a"]}', "full_name: must not be an array"),
        ("users", '{"fullName": ["a"]}', "fullName: must not be an array"),
        ("users", '{"full_name": {}}', "full_name: must not be an object"),
        ("users", '{"role": {"a": 1}}', "role: must not be an object"),
        ("users", '{"role": []}', "role: must not be an array"),
        ("users", '{"age": 1, "password": [1]}', "password: must not be an array"),
        ("orders", '{"items": [{}], "currency": []}', "currency: must not be an array"),
        ("orders", '{"items": [{}, {"quantity": []}]}', "items[1].quantity: must not be an array"),
        ("orders", '{"items": [{"quantity": {}}]}', "items[0].quantity: must not be an object"),
        ("orders", '{"items": 5}', "items: must be an array"),
        ("orders", '{"items": ["a"]}', "items[0]: must be an object"),
        ("orders", '{"shipping_address": "x"}', "shipping_address: must be an object"),
        ("events", '{"properties": []}', "properties: must be an object"),
        ("events", '{"properties": "a"}', "properties: must be an object"),
        ("events", '{"properties": {"a": "1", "a": "2"}}', "properties: has a key twice"),
        ("auth/api-keys", '{"scopes": {}}', "scopes: must be an array, not an object"),
    ],
)
async def test_a_field_of_another_shape_is_named(
    path: str, body: str, message: str, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.post(f"/api/v1/{path}", content=body)
    error = error_of(answer, 400, "MALFORMED_REQUEST")
    assert error["message"] == message
    assert violated(error) == [message.partition(": ")[0]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (r'{"full_name": "\ud800"}', "half a character"),
        (r'{"full_name": "\udc00"}', "half a character"),
        ('{"email": "a"}{}', "more behind its JSON object"),
        ("[1]", "must be a JSON object"),
    ],
)
async def test_what_is_wrong_with_the_whole_is_told(
    body: str, says: str, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.post("/api/v1/users", content=body)
    assert says in error_of(answer, 400, "MALFORMED_REQUEST")["message"]


async def test_a_value_of_the_wrong_type_is_not_repeated(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/api/v1/users", json={"age": "hunter2"})
    assert "hunter2" not in answer.text


async def test_a_query_value_of_the_wrong_type(signed_in: httpx.AsyncClient) -> None:
    error = error_of(await signed_in.get("/api/v1/users?per_page=ten"), 400, "MALFORMED_REQUEST")
    assert error["message"] == "per_page: must be a whole number"
