"""HEAD, OPTIONS and verbs that a path has not: for every path of the contract."""

import re

import h2.events
import httpx
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode

from emporium.user.v1.user_service_pb2 import User
from server.contract import image as images
from server.contract import rpcs
from tests.envoy.conftest import Edge, error_of, signed
from tests.envoy.test_http2 import events_of
from tests.envoy.upstream import always, refusing

PROBES = ("/health", "/ready", "/api/v1/health", "/api/v1/ready")
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def verbs_by_path() -> dict[str, set[str]]:
    """Every path that REST knows, with an example for what is in braces."""
    found: dict[str, set[str]] = {path: {"GET", "HEAD"} for path in PROBES}
    for rpc in rpcs.read(images.build()):
        for binding in rpc.bindings:
            path = re.sub(r"\{[^{}]*\}", "1", binding.template)
            # A stream has no end without a body.
            has_head = binding.verb == "GET" and not rpc.streaming
            found.setdefault(path, set()).update({binding.verb} | ({"HEAD"} if has_head else set()))
    for verbs in found.values():
        verbs.add("OPTIONS")
    return found


PATHS = verbs_by_path()


def allowed(answer: httpx.Response) -> set[str]:
    return set(answer.headers["allow"].split(", "))


def refused_in_its_words(path: str, answer: httpx.Response) -> None:
    """In the envelope, but for the path whose refusals are RFC 6749's."""
    if path != "/api/v1/auth/token":
        error_of(answer, 405, "METHOD_NOT_ALLOWED")
        return
    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_tells_its_verbs(path: str, running: Edge) -> None:
    async with running.rest() as client:  # without a token
        answer = await client.options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert allowed(answer) == PATHS[path]
        for verb in sorted({*VERBS, "TRACE"} - PATHS[path]):
            answer = await client.request(verb, path)
            assert allowed(answer) == PATHS[path]
            if verb == "HEAD":
                assert (answer.status_code, answer.content) == (405, b"")
            else:
                refused_in_its_words(path, answer)
    assert not running.upstream.calls


async def test_a_path_that_nobody_knows_has_no_verbs(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.options("/api/v1/nowhere")
    error_of(answer, 404, "ROUTE_NOT_FOUND")
    assert "allow" not in answer.headers


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("path", [path for path, verbs in PATHS.items() if "HEAD" in verbs])
async def test_head_answers_as_get_would_without_a_body(
    path: str, http2: bool, coding: str, running: Edge
) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1", full_name="a" * 2000, etag="v1"))
    async with running.rest(signed(), http2=http2) as client:
        # One connection: whatever does not belong there would break the call after it.
        for _ in range(2):
            head = await client.head(path, headers={"accept-encoding": coding})
            plain = {"accept-encoding": "identity"}
            get = await client.get(path, headers=plain)
            assert (head.status_code, head.content) == (200, b"") == (get.status_code, b"")
            assert head.headers["content-length"] == get.headers["content-length"]
            assert head.headers["content-type"] == get.headers["content-type"]
            assert head.headers.get("etag") == get.headers.get("etag")


@pytest.mark.parametrize("http2", [False, True])
async def test_no_refusal_of_head_has_a_body(http2: bool, running: Edge) -> None:
    running.upstream.answers["GetOrder"] = refusing(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", 404)
    async with running.rest(http2=http2) as client:
        good = {"authorization": f"Bearer {signed()}"}
        for path, headers, status in (
            ("/nowhere", {}, 404),
            ("/api/v1/users/1", {}, 401),
            ("/api/v1/users/1", {"authorization": "Bearer nonsense"}, 401),
            ("/api/v1/auth/login", {}, 405),
            ("/api/v1/users?shoe=44", good, 400),
            ("/api/v1/orders/1", good, 404),
            ("/api/v1/products", {"x-t": "a" * 12_000}, 431),
        ):
            answer = await client.head(path, headers={**headers, "accept-encoding": "gzip"})
            assert (answer.status_code, answer.content) == (status, b""), path
            assert (await client.get("/health")).json()["status"] == "success"


@pytest.mark.parametrize("verb", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api/v1/users/1", "/nowhere", "/health"])
async def test_nothing_follows_the_headers_over_http2(verb: str, path: str, running: Edge) -> None:
    events = await events_of(
        running.port, verb, path, authorization=f"Bearer {signed()}", accept_encoding="gzip"
    )
    data = b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
    assert bool(data) is (verb == "OPTIONS" and path == "/nowhere")
    assert not any(isinstance(event, h2.events.StreamReset) for event in events)


async def test_head_keeps_what_the_client_has(running: Edge, signed_in: httpx.AsyncClient) -> None:
    running.upstream.answers["GetUser"] = always(User(id="1", etag="v1"))
    answer = await signed_in.head("/api/v1/users/1", headers={"if-none-match": '"v1"'})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_what_has_no_body_keeps_the_connection(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["DeleteUser"] = always(Empty(), x_http_status="204")
    for _ in range(2):
        answer = await signed_in.delete("/api/v1/users/1", headers={"accept-encoding": "gzip"})
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("query", ["", "?at=once"])
@pytest.mark.parametrize("path", PROBES)
async def test_probes_answer_by_both_names(
    path: str, query: str, anonymous: httpx.AsyncClient
) -> None:
    answer = await anonymous.get(path + query)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"ok": True}
