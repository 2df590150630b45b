"""The report of what a REST caller names: in a JSON body, and in the query."""

from typing import Any

import httpx
import pytest

from tests.envoy.conftest import Edge

REPORTS: dict[str, tuple[str, str]] = {
    "nothing": ("{}", ""),
    "spaces": ('  {  "email"  :  "a" ,\n"age":3}\n', "email,age"),
    "nested": ('{"shipping_address": {"city": "a"}}', "shipping_address,shipping_address.city"),
    "in arrays": (
        '{"items": [{"quantity": 1}, {"quantity": 2, "typo": 3}], "tax": "1"}',
        "items,items.quantity,items.typo,tax",
    ),
    "arrays in arrays": ('{"a": [[{"b": 1}], [{"c": 1}]]}', "a,a.b,a.c"),
    "after an array of scalars": ('{"a": [1, "x"], "b": {"c": true}}', "a,b,b.c"),
    "null first": ('{"a": [ null, {"b": 1}], "c": [{}]}', "a,*a,a.b,c"),
    "null behind an object": ('{"a": [{"b": [] } , null], "c": null}', "a,a.b,*a,c"),
    "null behind an array": ('{"a": {"b": [["x"], null]}}', "a,a.b,*a.b"),
    "null behind a text": ('{"a": ["x",\nnull]}', "a,*a"),
    "null as a text": ('{"a": ["null", "x, null"], "b": null}', "a,b"),
    "named twice": ('{"email": "a", "email": "b"}', "email,+email"),
    "named three times": ('{"a": 1, "a": 2, "a": 3}', "a,+a"),
    "named in two spellings": (
        '{"full_name": "a", "fullName": "b"}',
        "full_name,fullName,~fullName",
    ),
    "named once in each line": ('{"items": [{"sku": 1}, {"sku": 2}]}', "items,items.sku"),
    "in each line in its own spelling": (
        '{"items": [{"unit_price": 1}, {"unitPrice": 2}, {"unit_price": 3}]}',
        "items,items.unit_price,items.unitPrice",
    ),
    "named twice in the second line": (
        '{"items": [{"sku": 1}, {"sku": 2, "n": {"sku": 1}, "sku": 3}], "sku": 1}',
        "items,items.sku,items.n,items.n.sku,+items.sku,sku",
    ),
    "named twice around an object": (
        '{"a": {"b": 1}, "c": [{}, []], "a": {"b": 2}}',
        "a,a.b,c,+a",
    ),
    "two keys that are told alike": ('{"a-b": 1, "a.b": 2, "a-b": 3}', "a?b,+a?b"),
    "keys that look like structure": ('{"a{\\"b\\":": 1}', "a???b???"),
    "keys with a dot": ('{"shipping_address.city": 1}', "shipping_address?city"),
    "keys with a comma": ('{"email,role": 1}', "email?role"),
    "escaped keys": ('{"em\\u0061il": 1}', "em?u0061il"),
    "keys beyond ASCII": ('{"émail": 1}', "??mail"),
    "structure in values": ('{"email": "{\\"role\\": 1}", "age": 1}', "email,age"),
    "backslashes at the end": ('{"email": "a\\\\", "age": 1}', "email,age"),
    "an unquoted key": ('{emial: "a"}', "!"),
    "an unquoted key inside": ('{"items": [{qauntity: 1}]}', "items,!"),
    "single quotes": ("{'emial': 'a'}", "!"),
    "a comma at an object's end": ('{"items": [{"n": 1, \n}], "x": 1}', "items,items.n,!"),
    "a comma at an array's end": ('{"a": ["b",], "x": 1}', "a,!"),
    "a comma at a text's end": ('{"a": ["b,"], "x": "1,"}', "a,x"),
    "camel case": ('{"fullName": "a"}', "fullName"),
}


async def report(running: Edge, client: httpx.AsyncClient, body: str | bytes) -> str | None:
    """What was reported to the service; the fake takes any body that the transcoder can read."""
    running.upstream.calls.clear()
    answer = await client.post("/api/v1/events", content=body)
    if not running.upstream.calls:
        pytest.fail(answer.text)
    return running.upstream.last().metadata.get("x-body-fields")


@pytest.mark.parametrize("name", REPORTS)
async def test_every_name_is_reported_once(
    name: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    body, expected = REPORTS[name]
    assert await report(running, signed_in, body) == expected


async def test_no_body_names_nothing(running: Edge, signed_in: httpx.AsyncClient) -> None:
    assert await report(running, signed_in, "") == ""


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"scopes": "a"}', "scopes,!scopes"),
        ('{"scopes": ["a"], "name": "b"}', "scopes,name"),
        ('{"scopes": null}', "scopes"),
    ],
)
async def test_a_list_that_is_no_array_is_reported(
    body: str, names: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    await signed_in.post("/api/v1/auth/api-keys", content=body)
    assert running.upstream.last().metadata["x-body-fields"] == names


@pytest.mark.parametrize(
    ("body", "names", "size"),
    [("", "", "0"), ("{}", "", "2"), ('{"per_page":1}', "per_page", "14")],
)
@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_body_that_nobody_expects_is_reported(
    verb: str, body: str, names: str, size: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    await signed_in.request(verb, "/api/v1/users/1", content=body)
    metadata = running.upstream.last().metadata
    assert (metadata["x-body-fields"], metadata["x-body-bytes"]) == (names, size)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ""),
        ("?", ""),
        ("?page=1", "page"),
        ("?page=1&sort=%26user_id=", "page,sort"),
        ("?user_id=1", "user_id"),
        ("?userId=1&user_id=2", "userId,+user_id"),
        ("?sort=1&sort=2&sort=3", "sort,+sort,+sort"),
        ("?=1", "?"),
        ("?page", "page"),
        ("?&&page=1&", "page"),
    ],
)
async def test_the_names_in_a_query_are_reported(
    query: str, names: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    path = "/api/v1/users" if "user" not in query else "/api/v1/users/1/orders"
    await signed_in.get(f"{path}{query}")
    assert running.upstream.last().metadata["x-query-fields"] == names


@pytest.mark.parametrize("name", ["user%5Fid", "user%5fid", "%75ser_id"])
async def test_no_escape_hides_a_name_in_a_query(
    name: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.get(f"/api/v1/users/1/orders?{name}=2")
    if running.upstream.calls:
        assert running.upstream.last().metadata["x-query-fields"] == "user_id"
    else:
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "{" + ",".join(f'"f{number}":1' for number in range(50_000)) + "}",
        "{" + ",".join(f'"{number}{"x" * 3000}":1' for number in range(300)) + "}",
        '{"a":' * 90 + "1" + "}" * 90,
        '{"a":' + "[" * 90 + "]" * 90 + "}",
    ],
    ids=["many names", "long names", "deep objects", "deep arrays"],
)
async def test_a_report_is_bounded_and_says_so(
    body: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    reported = await report(running, signed_in, body)
    assert reported is not None
    assert len(reported) < 4300
    assert reported.endswith("?")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/grpcx"]
)
async def test_no_content_type_avoids_the_report(
    kind: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    signed_in.headers["content-type"] = kind
    assert await report(running, signed_in, '{"typo": 1}') == "typo"


async def test_a_large_body_is_reported(running: Edge, signed_in: httpx.AsyncClient) -> None:
    line: dict[str, Any] = {"product_name": "x" * 20, "quantity": 1, "unit_price": "1.00"}
    answer = await signed_in.post("/api/v1/orders", json={"items": [line] * 10_000})
    assert answer.status_code == 200
    reported = running.upstream.last().metadata["x-body-fields"]
    assert reported == "items,items.product_name,items.quantity,items.unit_price"


async def test_what_the_service_will_refuse_is_not_read_to_its_end(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    """Such as 20,000 lines, of which the contract takes 1,000."""
    lines = '{"quantity":1},' * 20_000
    assert await report(running, signed_in, '{"items":[' + lines + '{"late":1}]}') == (
        "items,items.quantity"
    )
