"""Who may keep an answer, and for how long, as the contract declares it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openapi_spec_validator
import pytest
import pytest_asyncio
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode

from emporium.options.v1.options_pb2 import Cache
from server.contract import caching
from tests.discovery import contract
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.more_rpcs import source_with
from tests.envoy.upstream import Upstream, always, refusing
from tests.server.kit.ping import described

PROTO = Path(__file__).with_name("kept.proto")
SERVICE = described(PROTO.read_text(), PROTO.name)
FOR_ANYONE = "max-age=60, stale-while-revalidate=30"
LONG = "x" * 1000


def kept(**fields: Any) -> Any:
    return GetMessageClass(SERVICE.methods_by_name["GetKept"].output_type)(**fields)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_with(PROTO, tmp_path_factory.mktemp("kept"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    async with Upstream((*contract(), SERVICE)) as upstream:
        await upstream.serving(True)
        folder = tmp_path_factory.mktemp("edge")
        async with edge_before(upstream, folder, source=source) as running:
            yield running


@pytest.mark.parametrize("etag", ["", "7"])
async def test_what_is_for_anyone_may_be_kept_by_anyone(
    running: Edge, anonymous: httpx.AsyncClient, etag: str
) -> None:
    running.upstream.answers["GetKept"] = always(kept(text="a", etag=etag))
    answer = await anonymous.get("/api/v1/kept/1")
    assert answer.headers["cache-control"] == f"public, {FOR_ANYONE}"
    assert answer.headers["vary"] == "Origin, Authorization"
    assert answer.headers.get("etag") == (f'"{etag}"' if etag else None)


async def test_what_was_said_to_a_caller_is_for_that_caller_alone(running: Edge) -> None:
    running.upstream.answers["GetKept"] = always(kept(text="a"))
    async with running.rest(signed()) as client:
        answer = await client.get("/api/v1/kept/1")
        assert answer.headers["cache-control"] == f"private, {FOR_ANYONE}"
        own = await client.get("/api/v1/own/1")
        assert own.headers["cache-control"] == "private, max-age=5"


async def test_a_304_says_the_same(running: Edge, anonymous: httpx.AsyncClient) -> None:
    running.upstream.answers["GetKept"] = always(kept(text="a", etag="7"))
    answer = await anonymous.get("/api/v1/kept/1", headers={"if-none-match": '"7"'})
    assert answer.status_code == 304
    assert answer.headers["cache-control"] == f"public, {FOR_ANYONE}"
    assert answer.headers["vary"] == "Origin, Authorization"


async def test_a_refusal_is_not_kept(running: Edge, anonymous: httpx.AsyncClient) -> None:
    running.upstream.answers["GetKept"] = refusing(StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", 404)
    for answer in (
        await anonymous.get("/api/v1/kept/1"),
        await anonymous.get("/api/v1/own/1"),
        await anonymous.post("/api/v1/kept/1"),
    ):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_copy_is_of_one_coding(running: Edge, anonymous: httpx.AsyncClient) -> None:
    running.upstream.answers["GetKept"] = always(kept(text=LONG))
    for coding in ("identity", "gzip", "br", "zstd"):
        asked = anonymous.build_request(
            "GET", "/api/v1/kept/1", headers={"accept-encoding": coding}
        )
        answer = await anonymous.send(asked, stream=True)
        await answer.aclose()
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.headers["vary"] == "Origin, Authorization, Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, zstd, br", "br"),
        ("gzip, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, zstd;q=0, gzip;q=0", None),
        ("gzip;q=0.1, identity", None),
    ],
)
async def test_of_what_is_taken_alike_the_best_coding_is_used(
    running: Edge, anonymous: httpx.AsyncClient, accepted: str, coding: str | None
) -> None:
    running.upstream.answers["GetKept"] = always(kept(text=LONG))
    asked = anonymous.build_request("GET", "/api/v1/kept/1", headers={"accept-encoding": accepted})
    answer = await anonymous.send(asked, stream=True)
    await answer.aclose()
    assert answer.headers.get("content-encoding") == coding


def test_the_document_says_so(source: Path) -> None:
    document = json.loads((source / "generated/openapi.json").read_text())
    openapi_spec_validator.validate(document)
    answers = document["paths"]["/api/v1/kept/{id}"]["get"]["responses"]
    for status in ("200", "304"):
        schema = answers[status]["headers"]["Cache-Control"]["schema"]
        assert schema["enum"] == [f"public, {FOR_ANYONE}", f"private, {FOR_ANYONE}"]
    own = document["paths"]["/api/v1/own/{id}"]["get"]["responses"]["200"]
    assert own["headers"]["Cache-Control"]["schema"]["enum"] == ["private, max-age=5"]


@pytest.mark.parametrize(
    ("cache", "reads", "public", "complaint"),
    [
        (Cache(max_age_seconds=1), True, True, "needs a scope"),
        (Cache(scope=Cache.PRIVATE), False, True, "only what GET reads"),
        (Cache(scope=Cache.PUBLIC), True, False, "it is PRIVATE"),
        (Cache(scope=Cache.PUBLIC, max_age_seconds=86_401), True, True, "a day at most"),
        (Cache(scope=Cache.PUBLIC, max_age_seconds=-1), True, True, "a day at most"),
    ],
)
def test_what_cannot_be_kept_ends_the_run(
    cache: Cache, reads: bool, public: bool, complaint: str
) -> None:
    with pytest.raises(SystemExit, match=complaint):
        caching.controls("Some.Rpc", cache, reads=reads, public=public)


def test_what_is_asked_for_each_time_may_be_kept_too() -> None:
    found = caching.controls("Some.Rpc", Cache(scope=Cache.PUBLIC), reads=True, public=True)
    assert found == {"anyone": "public, no-cache", "caller": "private, no-cache"}
