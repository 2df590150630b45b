"""A service that is cut off, or falls silent, in the middle of its answer."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from tests.envoy.conftest import Edge, edge_before, signed
from tests.envoy.cutting import Cutting
from tests.envoy.doors import rest
from tests.envoy.test_envelope import ALWAYS
from tests.envoy.test_upstreams import ready
from tests.waiting import until

# Rate limits are told by a filter, and none is passed when an answer had begun.
HEADERS = {name for name in ALWAYS if "limit" not in name}
PARTS = {
    "nothing": None,
    "headers": b"",
    "part of a frame": b"\0\0\0",
    "part of a message": b"\0\0\0\0\5ab",
    "a message without its trailers": b"\0\0\0\0\0",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cutting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Edge, Cutting]]:
    async with (
        Cutting() as service,
        edge_before(service, tmp_path_factory.mktemp("edge")) as running,
    ):
        yield running, service


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("verb", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("part", PARTS)
async def test_the_envelope_is_the_same_wherever_an_answer_is_cut(
    part: str, verb: str, http2: bool, cutting: tuple[Edge, Cutting]
) -> None:
    running, service = cutting
    service.sent, service.dies = PARTS[part], True
    async with running.rest(signed(), http2=http2) as client:
        await ready(client, 200)  # it was cut off by the test before, too
        path = "/api/v1/orders" if verb == "POST" else "/api/v1/orders/1"
        answer = await client.request(verb, path)
        assert service.calls
        assert answer.status_code == 503
        assert set(answer.headers) >= HEADERS
        if verb == "HEAD":
            assert answer.content == b""
            return
        told = rest(answer)
        assert (told.reason, told.retry_after_seconds) == ("UNAVAILABLE", 1)
    line = await running.logged(told.request_id)
    assert (line["status"], line["grpc_status"]) == (503, "UNAVAILABLE")
    assert line["reason"] == "UNAVAILABLE"
    template = path if verb == "POST" else "/api/v1/orders/{order_id}"
    assert (line["method"], line["path"]) == (verb, template)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["nothing", "headers", "a message without its trailers"])
async def test_a_service_that_falls_silent_ends_in_the_envelope(
    part: str, cutting: tuple[Edge, Cutting]
) -> None:
    running, service = cutting
    service.sent, service.dies = PARTS[part], False
    async with running.rest(signed()) as client:
        await ready(client, 200)
        answer = await client.get("/api/v1/orders/1", timeout=15)
        told = rest(answer)
        assert (answer.status_code, told.reason) == (504, "DEADLINE_EXCEEDED")
        assert set(answer.headers) >= HEADERS
    assert (await running.logged(told.request_id))["reason"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("part", PARTS)
async def test_the_log_says_why_a_native_call_was_cut(
    part: str, cutting: tuple[Edge, Cutting]
) -> None:
    running, service = cutting
    service.sent, service.dies = PARTS[part], True
    async with running.rest(signed()) as client:
        await ready(client, 200)
    request_id = uuid.uuid4().hex
    with pytest.raises(grpc.aio.AioRpcError):
        await get_order(running, request_id, timeout=10)
    assert (await running.logged(request_id))["reason"] == "UNAVAILABLE"


@pytest.mark.parametrize("part", ["nothing", "headers", "a message without its trailers"])
async def test_the_log_says_when_it_was_the_caller_who_left(
    part: str, cutting: tuple[Edge, Cutting]
) -> None:
    running, service = cutting
    service.sent, service.dies = PARTS[part], False
    async with running.rest(signed()) as client:
        await ready(client, 200)
        request_id, calls = uuid.uuid4().hex, service.calls

        async def has_arrived() -> bool:
            return service.calls > calls

        leaving = asyncio.create_task(
            client.get("/api/v1/orders/1", headers={"x-request-id": request_id})
        )
        await until(has_arrived)
        leaving.cancel()
    assert (await running.logged(request_id))["reason"] == "CLIENT_GONE"


async def test_the_log_gives_no_reason_for_what_went_well(cutting: tuple[Edge, Cutting]) -> None:
    running, service = cutting
    service.sent = None
    request_id = uuid.uuid4().hex
    async with running.rest(signed()) as client:
        await ready(client, 200)
        await client.get("/ready", headers={"x-request-id": request_id})
    line = await running.logged(request_id)
    assert (line["status"], line["reason"]) == (200, None)


async def get_order(running: Edge, request_id: str, timeout: float) -> Any:
    """The order service's answer to a native call."""
    metadata = [("authorization", f"Bearer {signed()}"), ("x-request-id", request_id)]
    async with running.grpc() as channel:
        stub: Any = order_service_pb2_grpc.OrderServiceStub(channel)
        request = order_service_pb2.GetOrderRequest(order_id="1")
        return await stub.GetOrder(request, metadata=metadata, timeout=timeout)
