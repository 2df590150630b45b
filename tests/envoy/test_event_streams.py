"""A stream by REST: Server-Sent Events through the whole edge."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openapi_spec_validator
import pytest
import pytest_asyncio

from server.kit import auth, errors
from tests.bench.http2 import framed
from tests.envoy.conftest import KEY, Edge, edge_before, error_of, signed
from tests.envoy.more_rpcs import source_with
from tests.envoy.ticking import (
    PROTO,
    RPC,
    WATCH,
    WATCH_OWN,
    Tick,
    Ticking,
    ticking,
    watching,
)
from tests.server.kit.changing import Changing, refused_with, unchanged
from tests.server_sent import HEARTBEAT

INTERNAL = re.compile("grpc|x-emporium|x-envoy|x-http-status")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_with(PROTO, tmp_path_factory.mktemp("ticks"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started() -> AsyncIterator[Ticking]:
    async with ticking(Changing(auth.Verifier(auth.jwks([KEY])))) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(
    source: Path, started: Ticking, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    async with edge_before(started, folder, source=source) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def service(started: Ticking) -> Ticking:
    await started.ticks.become(last=0, failure=None, is_over=False, text="")
    started.tokens.becomes = unchanged
    return started


@pytest.fixture
def running(edge_of_module: Edge) -> Edge:
    return edge_of_module


@pytest.mark.parametrize("http2", [False, True], ids=["http/1.1", "http/2"])
async def test_ticks_come_as_they_are(edge_of_module: Edge, service: Ticking, http2: bool) -> None:
    await service.ticks.become(last=1)
    async with edge_of_module.rest(http2=http2) as client, watching(client) as (answer, sent):
        assert answer.status_code == 200
        first = await anext(sent)
        assert (first.name, first.id) == ("message", "1")
        await service.ticks.become(last=2)
        assert (await anext(sent)).id == "2"
        await service.ticks.become(is_over=True)
        assert [event.name async for event in sent] == ["end"]
        plain = await client.get("/api/v1/ticks/1")
    assert json.loads(first.data) == plain.json()["data"]
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-rate-limit-remaining"] == "99"
    assert "content-encoding" not in answer.headers
    assert not [name for name in answer.headers if INTERNAL.search(name)]


async def test_who_lost_the_stream_goes_on_where_it_was(
    anonymous: httpx.AsyncClient, service: Ticking
) -> None:
    await service.ticks.become(last=3)
    async with watching(anonymous) as (_, sent):
        assert [(await anext(sent)).id for _ in range(2)] == ["1", "2"]
    headers = {"last-event-id": "2"}
    async with watching(anonymous, f"{WATCH}?after=1", headers=headers) as (_, sent):
        assert (await anext(sent)).id == "3"
    async with watching(anonymous, f"{WATCH}?after=1") as (_, sent):
        assert (await anext(sent)).id == "2"


async def test_silence_has_a_heartbeat(anonymous: httpx.AsyncClient, service: Ticking) -> None:
    service.beats.beat()
    async with watching(anonymous) as (answer, sent):
        assert answer.status_code == 200
        assert (await anext(sent)).name == HEARTBEAT
        service.beats.beat()
        assert (await anext(sent)).name == HEARTBEAT
        await service.ticks.become(last=1)
        assert (await anext(sent)).id == "1"


async def test_until_something_is_sent_an_error_is_one_as_ever(
    anonymous: httpx.AsyncClient, service: Ticking
) -> None:
    await service.ticks.become(failure=errors.Outdated("another clock by now"))
    error_of(await anonymous.get(WATCH), 412, "ETAG_MISMATCH")
    error_of(await anonymous.get(f"{WATCH}?after=-1"), 422, "VALIDATION_FAILED")
    error_of(await anonymous.get(f"{WATCH}?befor=1"), 400, "UNKNOWN_FIELD")
    bad = await anonymous.get(WATCH, headers={"last-event-id": "x"})
    error_of(bad, 422, "VALIDATION_FAILED")
    error_of(await anonymous.post(WATCH_OWN, json={}), 401, "UNAUTHENTICATED")
    unfit = await anonymous.get(WATCH, headers={"accept": "application/json"})
    error_of(unfit, 406, "NOT_ACCEPTABLE")
    fit = {"accept": "text/event-stream"}
    error_of(await anonymous.get(WATCH, headers=fit), 412, "ETAG_MISMATCH")


async def test_a_later_error_is_the_last_event(
    edge_of_module: Edge, anonymous: httpx.AsyncClient, service: Ticking
) -> None:
    await service.ticks.become(last=1, failure=errors.Unavailable("the clock is away"))
    async with watching(anonymous, headers={"x-request-id": "late-error"}) as (_, sent):
        _, last = [event async for event in sent]
    assert last.name == "error"
    assert json.loads(last.data) == {
        "status": "error",
        "error": {"code": "UNAVAILABLE", "message": "the clock is away", "details": []},
        "request_id": "late-error",
    }
    assert (await edge_of_module.logged("late-error"))["status"] == 200


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TokenExpired("sign in again"), "TOKEN_EXPIRED"),
        (errors.SessionEnded(), "SESSION_ENDED"),
    ],
)
async def test_a_stream_ends_with_its_caller_s_right_to_it(
    running: Edge, service: Ticking, error: Exception, code: str
) -> None:
    await service.ticks.become(last=1)
    async with (
        running.rest(signed()) as client,
        watching(client, WATCH_OWN, "POST", json={}) as (_, sent),
    ):
        assert (await anext(sent)).id == "1"
        service.tokens.becomes = refused_with(error)
        (last,) = [event async for event in sent]
    assert last.name == "error"
    assert json.loads(last.data)["error"]["code"] == code


async def test_a_body_asks_for_a_stream_as_well(edge_of_module: Edge, service: Ticking) -> None:
    await service.ticks.become(last=2, is_over=True)
    async with (
        edge_of_module.rest(signed()) as client,
        watching(client, WATCH_OWN, "POST", json={"after": 1}) as (_, sent),
    ):
        assert [(event.name, event.id) async for event in sent] == [("message", "2"), ("end", "2")]
    async with edge_of_module.rest(signed()) as client:
        large = await client.post(WATCH_OWN, content=b" " * 2_000_000)
        error_of(large, 413, "BODY_TOO_LARGE")


async def test_a_stream_that_is_over_before_it_began_is_an_empty_one(
    anonymous: httpx.AsyncClient, service: Ticking
) -> None:
    await service.ticks.become(is_over=True)
    async with watching(anonymous) as (answer, sent):
        assert answer.headers["content-type"] == "text/event-stream"
        assert [event.name async for event in sent] == ["end"]


async def test_head_has_no_stream(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.head(WATCH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")


async def test_who_hangs_up_ends_the_work(anonymous: httpx.AsyncClient, service: Ticking) -> None:
    await service.ticks.become(last=1)
    async with watching(anonymous) as (_, sent):
        await anext(sent)
    await service.in_flight.ended(20)
    assert service.in_flight.count == 0


def test_the_document_says_what_it_is(source: Path) -> None:
    document = json.loads((source / "generated/openapi.json").read_text())
    openapi_spec_validator.validate(document)
    operation = document["paths"][WATCH]["get"]
    (schema,) = (each["schema"] for each in operation["responses"]["200"]["content"].values())
    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    assert schema["x-emporium-event-data"] == {"$ref": "#/components/schemas/Tick"}
    assert {"$ref": "#/components/parameters/LastEventId"} in operation["parameters"]
    assert "LastEventId" not in json.dumps(document["paths"]["/api/v1/ticks/{after}"])


@pytest.mark.parametrize("kind", ["application/grpc-web+proto", "application/grpc-web-text"])
async def test_a_page_gets_the_messages_by_grpc_web(
    running: Edge, service: Ticking, kind: str
) -> None:
    await service.ticks.become(last=1, failure=errors.Unavailable("the clock is away"))
    asked, is_text = framed(b""), kind.endswith("text")
    body = base64.b64encode(asked) if is_text else asked
    headers = {"content-type": kind, "accept": kind}
    async with running.rest() as client:
        answer = await client.post(RPC, content=body, headers=headers)
    frames = unwrapped(answer.content) if is_text else answer.content
    size = 5 + int.from_bytes(frames[1:5])
    message: Any = Tick.FromString(frames[5:size])
    assert message.number == 1
    trailers = frames[size:]
    assert trailers[0] == 0x80
    assert b"grpc-status:14\r\n" in trailers


def unwrapped(text: bytes) -> bytes:
    """Of base64 in parts, each with an end of its own."""
    return b"".join(base64.b64decode(part) for part in re.findall(rb"[^=]+=*", text))


async def test_native_grpc_gets_them_too(running: Edge, service: Ticking) -> None:
    await service.ticks.become(last=2, is_over=True)
    async with running.grpc() as channel:
        watch: Any = channel.unary_stream(RPC, response_deserializer=Tick.FromString)
        call = watch(b"", metadata=[("last-event-id", "1")])
        assert [each.number async for each in call] == [2]


async def test_nothing_is_gathered_for_a_slow_reader(
    edge_of_module: Edge, service: Ticking
) -> None:
    await service.ticks.become(last=10_000, text="x" * 10_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", edge_of_module.port, limit=1024)
    writer.write(f"GET {WATCH} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
    await reader.readuntil(b"id: 1\n")
    sent = -1
    while sent != service.ticks.sent:
        sent = service.ticks.sent
        await asyncio.sleep(0.5)
    writer.close()
    await writer.wait_closed()
    assert sent < 2_000  # 20 MB, of which some wait in the kernel
