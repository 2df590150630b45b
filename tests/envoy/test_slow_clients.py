"""Callers who send as slowly as they may: each loses their call in time, and nobody else waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from hyperframe.frame import ContinuationFrame, DataFrame

from emporium.user.v1.user_service_pb2 import User
from tests.envoy.conftest import Edge, edge_before
from tests.envoy.honest import honest
from tests.envoy.hostile import hostile
from tests.envoy.upstream import Upstream, always
from tests.waiting import until

SOURCE = "127.3.0.1"
More = Callable[[], Awaitable[object]]  # sends a little more
PATH = "/api/v1/users"


@asynccontextmanager
async def by_http1(port: int, head: bytes, more: bytes) -> AsyncIterator[More]:
    _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(SOURCE, 0))
    writer.write(head)

    async def send() -> None:
        if not writer.transport.is_closing():
            writer.write(more)

    yield send
    writer.close()


@asynccontextmanager
async def headers_by_http1(port: int) -> AsyncIterator[More]:
    head = f"GET {PATH} HTTP/1.1\r\nHost: edge\r\n".encode()
    async with by_http1(port, head, b"X-More: a\r\n") as more:
        yield more


@asynccontextmanager
async def body_by_http1(port: int) -> AsyncIterator[More]:
    head = f"POST {PATH} HTTP/1.1\r\nHost: edge\r\nContent-Length: 9000\r\n\r\n".encode()
    async with by_http1(port, head, b"a") as more:
        yield more


@asynccontextmanager
async def headers_by_http2(port: int) -> AsyncIterator[More]:
    async with hostile(port, SOURCE) as connection:
        call = connection.call("GET", PATH)
        call.flags.discard("END_HEADERS")
        await connection.send([call])
        yield lambda: connection.send([ContinuationFrame(call.stream_id, b"\x00\x01a\x01b")])


@asynccontextmanager
async def body_by_http2(port: int) -> AsyncIterator[More]:
    async with hostile(port, SOURCE) as connection:
        call = connection.call("POST", PATH, ends=False)
        await connection.send([call])
        yield lambda: connection.send([DataFrame(call.stream_id, b"a")])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """An edge that waits a second for headers, and two for all of a request."""

    def soon(config: dict[str, Any]) -> None:
        for listener in config["static_resources"]["listeners"]:
            manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
            manager |= {"request_headers_timeout": "1s", "request_timeout": "2s"}

    async with Upstream() as upstream:
        await upstream.serving(True)
        upstream.answers["GetUser"] = always(User(id="1"))
        folder = tmp_path_factory.mktemp("impatient")
        async with edge_before(upstream, folder, changed=soon) as edge:
            yield edge


@pytest.mark.parametrize(
    ("slow", "counted_as"),
    [
        (headers_by_http1, "downstream_rq_header_timeout"),
        (headers_by_http2, "downstream_rq_header_timeout"),
        (body_by_http1, "downstream_rq_timeout"),
        (body_by_http2, "downstream_rq_timeout"),
    ],
)
async def test_a_slow_sender_loses_the_call(
    slow: Callable[[int], Any], counted_as: str, impatient: Edge
) -> None:
    counter = rf"http\.edge\.{counted_as}"
    before = await impatient.stat(counter)
    async with honest(impatient) as met, slow(impatient.port) as more:

        async def is_ended() -> bool:
            await more()
            return await impatient.stat(counter) > before

        await until(is_ended)
    assert not met.failures
