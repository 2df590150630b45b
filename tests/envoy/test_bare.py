"""Answers without the envelope: where the contract leaves the shape to a published standard."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.api import httpbody_pb2
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode

from tests.discovery import contract
from tests.envoy.conftest import Edge, edge_before, error_of
from tests.envoy.more_rpcs import source_with
from tests.envoy.upstream import Upstream, always, refusing
from tests.server.kit.ping import described

PROTO = Path(__file__).with_name("bare.proto")
SERVICE = described(PROTO.read_text(), PROTO.name)
FORM = {"grant_type": "client_credentials", "scope": 'it\'s: {"all"}'}
BASIC = "Basic " + base64.b64encode(b"me:secret").decode()


def response(**fields: Any) -> Any:
    return GetMessageClass(SERVICE.methods_by_name["Document"].output_type)(**fields)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    folder = tmp_path_factory.mktemp("bare")
    source = source_with(PROTO, folder)
    (folder / "edge").mkdir()
    async with Upstream((*contract(), SERVICE)) as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, folder / "edge", source=source) as running:
            yield running


async def test_a_document_comes_as_it_is(running: Edge, anonymous: httpx.AsyncClient) -> None:
    running.upstream.answers["Document"] = always(response(access_token="it"))
    answer = await anonymous.get("/.well-known/bare")
    assert (answer.status_code, answer.json()) == (200, {"access_token": "it", "expires_in": 0})
    assert answer.headers["content-type"] == "application/bare+json"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "pragma" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = await anonymous.head("/.well-known/bare")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


async def test_its_refusals_have_the_envelope_unless_declared(
    running: Edge, anonymous: httpx.AsyncClient
) -> None:
    running.upstream.answers["Document"] = refusing(StatusCode.UNAVAILABLE, "UNAVAILABLE", 503)
    error_of(await anonymous.get("/.well-known/bare"), 503, "UNAVAILABLE")


async def test_other_calls_keep_the_envelope(running: Edge, anonymous: httpx.AsyncClient) -> None:
    assert "data" in (await anonymous.get("/api/v1/products")).json()


async def test_a_form_arrives_as_it_was_sent(running: Edge, anonymous: httpx.AsyncClient) -> None:
    running.upstream.answers["Token"] = always(response(access_token="it", expires_in=600))
    answer = await anonymous.post("/api/v1/bare/token", data=FORM, headers={"authorization": BASIC})
    assert (answer.status_code, answer.json()) == (200, {"access_token": "it", "expires_in": 600})
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    arrived = running.upstream.last()
    assert arrived.request == httpbody_pb2.HttpBody(
        content_type="application/x-www-form-urlencoded", data=answer.request.content
    )
    assert arrived.metadata["authorization"] == BASIC


@pytest.mark.parametrize(
    ("code", "reason", "by_service", "error", "status"),
    [
        (StatusCode.UNAUTHENTICATED, "BAD_CREDENTIALS", 401, "invalid_client", 401),
        (StatusCode.UNAUTHENTICATED, "INVALID_TOKEN", 401, "invalid_client", 401),
        (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", 403, "unauthorized_client", 400),
        (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED", 422, "invalid_request", 400),
        (StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, "temporarily_unavailable", 429),
        (StatusCode.UNAVAILABLE, "UNAVAILABLE", 503, "temporarily_unavailable", 503),
        (StatusCode.INTERNAL, "INTERNAL", 500, "server_error", 500),
    ],
)
async def test_a_refusal_is_in_the_words_of_oauth(
    running: Edge, code: StatusCode, reason: str, by_service: int, error: str, status: int
) -> None:
    running.upstream.answers["Token"] = refusing(code, reason, by_service)
    async with running.rest() as client:
        answer = await client.post("/api/v1/bare/token", data=FORM)
    assert answer.json() == {"error": error, "error_description": f"no, '{reason}'"}
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    told = answer.headers.get("www-authenticate")
    assert told == ('Basic realm="emporium"' if status == 401 else None)
    assert (await running.logged(answer.headers["x-request-id"]))["reason"] == reason


async def test_what_the_edge_refuses_is_in_those_words_too(running: Edge) -> None:
    async with running.rest("nonsense") as client:
        answer = await client.post("/api/v1/bare/token", data=FORM)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    async with running.rest() as client:
        answer = await client.get("/api/v1/bare/token")
        assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")
        assert (answer.headers["allow"], answer.headers["pragma"]) == ("POST, OPTIONS", "no-cache")
        assert (await client.options("/api/v1/bare/token")).status_code == 204
        answer = await client.post("/api/v1/bare/token", content=b"x" * 2_000_000)
        assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")
        for _ in range(5):
            answer = await client.post("/api/v1/bare/token", data=FORM)
        assert answer.status_code == 429
        wait = answer.headers["retry-after"]
        assert answer.json() == {
            "error": "temporarily_unavailable",
            "error_description": f"try again in {wait} s",
        }
        assert answer.headers["pragma"] == "no-cache"
    assert not [call for call in running.upstream.calls if call.rpc == "Token"][5:]
