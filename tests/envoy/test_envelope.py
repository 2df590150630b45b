"""What the edge makes of a service's answers."""

import gzip
import json
from typing import Any

import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import BadRequest, RequestInfo, RetryInfo
from grpc import StatusCode

from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.order_service_pb2 import Order, OrderItem
from emporium.type.v1.page_pb2 import PageMeta
from emporium.user.v1.auth_service_pb2 import LoginResponse
from emporium.user.v1.user_service_pb2 import ListUsersResponse, User
from tests.envoy.conftest import Edge, error_of, signed
from tests.envoy.upstream import always, refusing

HOSTILE = [
    '","meta":{"total":1}}',
    '"},"meta":{}}',
    ',"etag":"forged"}',
    '\\","etag":"forged"}',
    "ends with a backslash \\",
    "}}]}{",
    "\x00\x1f\u2028é😀</script>",
    '","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"FORGED"}]}',
]
ALWAYS = {
    "x-request-id",
    *(f"x-rate-limit-{name}" for name in ("limit", "remaining", "reset")),
    *(f"ratelimit-{name}" for name in ("limit", "remaining", "reset")),
    "cache-control",
    "strict-transport-security",
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
}
NEVER = ("grpc-", "x-emporium-", "x-envoy-", "x-http-status", "x-body-", "x-query-", "server")


def user(**fields: Any) -> User:
    return User(id="1", email="ann@example.com", etag="v1", **fields)


async def test_a_resource_is_data_with_its_etag(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = always(user(full_name="Ann"))
    answer = await signed_in.get("/api/v1/users/1")
    body = answer.json()
    assert list(body) == ["status", "data", "request_id"]
    assert body["status"] == "success"
    assert body["data"]["full_name"] == "Ann"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_value_breaks_out_of_a_resource(
    text: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = always(user(full_name=text))
    answer = await signed_in.get("/api/v1/users/1")
    assert set(answer.json()) == {"status", "data", "request_id"}
    assert answer.json()["data"]["full_name"] == text
    assert answer.headers["etag"] == '"v1"'


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_value_breaks_out_of_a_list(
    text: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    users = [user(full_name=text), user(full_name=text)]
    meta = PageMeta(page=1, per_page=20, total=2, next_page_token="n" * 1536)
    running.upstream.answers["ListUsers"] = always(ListUsersResponse(users=users, meta=meta))
    answer = await signed_in.get("/api/v1/users")
    body = answer.json()
    assert list(body) == ["status", "data", "meta", "request_id"]
    assert [each["full_name"] for each in body["data"]["users"]] == [text, text]
    assert body["meta"]["next_page_token"] == "n" * 1536
    assert "etag" not in answer.headers


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_value_breaks_out_of_an_error(
    text: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    violation = BadRequest.FieldViolation(field="full_name", description=text)
    running.upstream.answers["GetUser"] = refusing(
        StatusCode.INVALID_ARGUMENT,
        "VALIDATION_FAILED",
        422,
        RequestInfo(request_id=text),
        BadRequest(field_violations=[violation]),
    )
    error = error_of(await signed_in.get("/api/v1/users/1"), 422, "VALIDATION_FAILED")
    assert error["message"] == 'no, "VALIDATION_FAILED"'
    assert [each["@type"].rpartition(".")[2] for each in error["details"]] == ["BadRequest"]
    assert error["details"][0]["field_violations"][0]["description"] == text


async def test_an_empty_list_has_meta(running: Edge, signed_in: httpx.AsyncClient) -> None:
    running.upstream.answers["ListUsers"] = always(ListUsersResponse(meta=PageMeta(page=7)))
    body = (await signed_in.get("/api/v1/users")).json()
    assert body["data"] == {"users": []}
    assert body["meta"]["page"] == 7


async def test_the_etag_of_something_inside_is_not_the_answer_s(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    running.upstream.answers["Login"] = always(LoginResponse(access_token="t", user=user()))
    answer = await anonymous.post("/api/v1/auth/login", json={})
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_an_etag_with_long_members_behind_is_the_first_of_that_name(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    named = Product(id="1", name=',"etag":"9"', etag="v1", attributes={"etag": "v2"})
    named.description = "a long one " * 100
    running.upstream.answers["GetProduct"] = always(named)
    answer = await anonymous.get("/api/v1/products/1")
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["cache-control"] == "public, max-age=30"
    same = await anonymous.get("/api/v1/products/1", headers={"if-none-match": '"v1"'})
    assert same.status_code == 304


async def test_a_create_is_201_with_its_location(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    running.upstream.answers["CreateUser"] = always(
        user(), x_http_status="201", location="/api/v1/users/1"
    )
    answer = await anonymous.post("/api/v1/users", json={"email": "a@b.c"})
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/users/1")
    assert answer.json()["status"] == "success"


async def test_a_delete_is_204_without_a_body(running: Edge, signed_in: httpx.AsyncClient) -> None:
    running.upstream.answers["DeleteUser"] = always(Empty(), x_http_status="204")
    answer = await signed_in.delete("/api/v1/users/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize("sent", ['"v1"', 'W/"v1"', '"old", "v1"', "*"])
async def test_what_the_client_has_is_not_sent_again(
    sent: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = always(user())
    answer = await signed_in.get("/api/v1/users/1", headers={"if-none-match": sent})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"v1"'


async def test_only_a_read_can_be_unchanged(running: Edge, signed_in: httpx.AsyncClient) -> None:
    """Were a service to make the change all the same, the caller would hear of it."""
    running.upstream.answers["UpdateUser"] = always(user())
    answer = await signed_in.patch(
        "/api/v1/users/1", json={"age": 3}, headers={"if-none-match": '"v1"'}
    )
    assert answer.status_code == 200
    assert answer.json()["data"]


@pytest.mark.parametrize("sent", ['"v1"', 'W/"v1"', "v1", '"v1", "v2"', '""', "*", ""])
async def test_preconditions_and_keys_reach_the_service_as_they_are(
    sent: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    names = ("if-match", "if-none-match", "idempotency-key")
    await signed_in.delete("/api/v1/users/1", headers=dict.fromkeys(names, sent))
    for name in names:
        assert running.upstream.last().metadata[name] == sent


async def test_an_error_without_a_reason_of_ours_is_not_repeated(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    async def fail(request: Any, context: Any) -> User:
        raise RuntimeError("password=hunter2")

    running.upstream.answers["GetUser"] = fail
    error = error_of(await signed_in.get("/api/v1/users/1"), 500, "INTERNAL")
    assert "hunter2" not in json.dumps(error)


async def test_a_service_says_when_to_try_again(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(7000)
    running.upstream.answers["CreateOrder"] = refusing(
        StatusCode.UNAVAILABLE, "UNAVAILABLE", 503, retry
    )
    answer = await signed_in.post("/api/v1/orders", json={})
    error_of(answer, 503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "7"


async def test_every_answer_has_its_headers_and_no_internals(
    running: Edge, signed_in: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetOrder"] = refusing(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", 404)
    for answer in (
        await signed_in.get("/api/v1/users/1"),
        await signed_in.get("/api/v1/orders/1"),
        await signed_in.get("/api/v1/users/1?colour=red"),
        await anonymous.get("/nowhere"),
        await anonymous.get("/api/v1/users/1"),
        await signed_in.post("/api/v1/users", content=b"{"),
    ):
        assert set(answer.headers) >= ALWAYS, answer.request.url
        leaked = [name for name in answer.headers if name.startswith(NEVER)]
        assert not leaked, answer.request.url


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_the_envelope_is_inside_the_compression(
    coding: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    listed = ListUsersResponse(users=[User(full_name="Ann" * 1000)])
    running.upstream.answers["ListUsers"] = always(listed)
    request = signed_in.build_request("GET", "/api/v1/users", headers={"accept-encoding": coding})
    answer = await signed_in.send(request, stream=True)
    raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(raw) < 500
    assert raw.startswith(b"\x28\xb5\x2f\xfd") is (coding == "zstd")  # RFC 8878, 3.1.1
    if coding == "gzip":
        (found,) = json.loads(gzip.decompress(raw))["data"]["users"]
        assert found["full_name"] == "Ann" * 1000


async def test_what_has_an_etag_keeps_it_strong(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = always(user(full_name="Ann" * 1000))
    answer = await signed_in.get("/api/v1/users/1", headers={"accept-encoding": "gzip, br"})
    assert answer.headers["etag"] == '"v1"'
    assert "content-encoding" not in answer.headers


async def test_an_answer_of_megabytes_is_whole(running: Edge, signed_in: httpx.AsyncClient) -> None:
    items = [OrderItem(product_name="x" * 100, quantity=1)] * 20_000
    order = Order(items=items, etag="v1", item_count=20_000)
    running.upstream.answers["GetOrder"] = always(order)
    answer = await signed_in.get("/api/v1/orders/1", headers={"accept-encoding": "identity"})
    assert len(answer.content) > 3_000_000
    assert len(answer.json()["data"]["items"]) == 20_000
    assert answer.headers["etag"] == '"v1"'


@pytest.mark.parametrize("http2", [False, True])
async def test_an_answer_may_be_larger_than_what_waits_for_a_slow_reader(
    running: Edge, http2: bool
) -> None:
    running.upstream.answers["GetUser"] = always(user(full_name="\1" * 4_000_000))
    async with running.rest(signed(), http2=http2) as client:
        answer = await client.get("/api/v1/users/1", timeout=30)
    assert len(answer.content) > 24_000_000
    assert answer.json()["data"]["full_name"] == "\1" * 4_000_000


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("my-id_1.2", "my-id_1.2"), ('a"b\\c{}', "a_b_c__"), ("x" * 500, "x" * 64)],
)
async def test_a_caller_s_request_id_is_kept_as_far_as_it_is_fit(
    sent: str, kept: str, running: Edge, signed_in: httpx.AsyncClient
) -> None:
    answer = await signed_in.get("/api/v1/users/1", headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == kept
    assert running.upstream.last().metadata["x-request-id"] == kept


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_the_largest_list_is_an_answer_like_any_other(running: Edge, http2: bool) -> None:
    users = [user(full_name="é" * 20_000)] * 100  # 4 MB: no service's answer is larger
    running.upstream.answers["ListUsers"] = always(ListUsersResponse(users=users))
    async with running.rest(signed(), http2=http2) as client:
        answer = await client.get("/api/v1/users")
    assert answer.status_code == 200, answer.text[:200]
    assert len(answer.json()["data"]["users"]) == 100
