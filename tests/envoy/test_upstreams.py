"""Services that come, go, fail and hang; this module has an edge of its own for that."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc.aio
import httpx
import pytest
import pytest_asyncio
import yaml

from emporium.user.v1.user_service_pb2 import User
from server.local.engines import edge
from server.services import SERVICES
from tests.envoy.conftest import SOURCE, Edge, error_of, signed
from tests.envoy.upstream import Upstream, always, hang


async def until(status: int, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Calls until the answer is `status`: each cluster learns of a change by its own next check."""
    async with asyncio.timeout(10):
        while True:
            answer = await call()
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.02)


async def ready(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Waits until /ready answers so."""
    return await until(status, lambda: client.get("/ready"))


async def read(client: httpx.AsyncClient) -> httpx.Response:
    """Reads a user as a new caller, whom no limit stops."""
    return await client.get("/api/v1/users/1", headers={"authorization": f"Bearer {signed()}"})


def send_to(running: Edge, *upstreams: Upstream) -> None:
    for service in (each.name for each in SERVICES):
        edge.write_endpoints(
            running.folder, service, [("127.0.0.1", upstream.port) for upstream in upstreams]
        )


@pytest_asyncio.fixture(loop_scope="session")
async def restored(running: Edge, anonymous: httpx.AsyncClient) -> AsyncIterator[Edge]:
    """The edge, which goes back to its own upstream however the test left it."""
    yield running
    await running.upstream.serving(True)
    send_to(running, running.upstream)
    await ready(anonymous, 200)


async def test_alive_and_ready_are_told_apart(restored: Edge, anonymous: httpx.AsyncClient) -> None:
    assert (await ready(anonymous, 200)).json()["status"] == "success"
    await restored.upstream.serving(False)
    error_of(await ready(anonymous, 503), 503, "UNAVAILABLE")
    assert (await anonymous.get("/health")).json()["status"] == "success"


async def test_compose_s_health_check_asks_whether_the_edge_is_ready(
    restored: Edge, anonymous: httpx.AsyncClient
) -> None:
    compose = yaml.safe_load((SOURCE.parent / "docker-compose.yml").read_text())
    _, *command = compose["services"]["envoy"]["healthcheck"]["test"]
    check = [part.replace("/8080", f"/{restored.port}").replace("$$", "$") for part in command]
    for serving, status in ((True, 200), (False, 503)):
        await restored.upstream.serving(serving)
        await ready(anonymous, status)
        process = await asyncio.create_subprocess_exec(*check)
        assert (await process.wait() == 0) is serving


async def test_a_missing_service_is_told_and_others_go_on(
    restored: Edge, signed_in: httpx.AsyncClient
) -> None:
    edge.write_endpoints(restored.folder, "order", [])
    await ready(signed_in, 503)
    answer = await signed_in.get("/api/v1/orders/1")
    error_of(answer, 503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    error_of(await signed_in.post("/api/v1/orders", json={}), 503, "UNAVAILABLE")
    await until(200, lambda: read(signed_in))


async def test_calls_follow_the_endpoint_file(restored: Edge, anonymous: httpx.AsyncClient) -> None:
    async with Upstream() as other:
        await other.serving(True)
        other.answers["GetUser"] = always(User(id="other"))
        send_to(restored, other)
        async with asyncio.timeout(10):
            while not other.calls:
                answer = await read(anonymous)
        assert answer.json()["data"]["id"] == "other"
        restored.upstream.calls.clear()
        send_to(restored, restored.upstream)
        async with asyncio.timeout(10):
            while not restored.upstream.calls:
                await read(anonymous)


def unavailable_once(reply: User) -> Any:
    failures = iter([True])

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> User:
        if next(failures, False):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "one moment")
        return reply

    return answer


async def test_a_read_is_sent_again(running: Edge, signed_in: httpx.AsyncClient) -> None:
    running.upstream.answers["GetUser"] = unavailable_once(User(id="1"))
    await until(200, lambda: read(signed_in))
    assert len(running.upstream.calls) == 2


async def test_a_change_is_not_sent_again(running: Edge, signed_in: httpx.AsyncClient) -> None:
    running.upstream.answers["UpdateUser"] = unavailable_once(User(id="1"))
    answer = await signed_in.patch("/api/v1/users/1", json={"age": 3})
    error_of(answer, 503, "UNAVAILABLE")
    assert len(running.upstream.calls) == 1


async def test_a_killed_replica_fails_no_read(restored: Edge, anonymous: httpx.AsyncClient) -> None:
    async with Upstream() as doomed:
        await doomed.serving(True)
        send_to(restored, restored.upstream, doomed)
        async with asyncio.timeout(10):
            while not doomed.calls:
                await read(anonymous)
    answers = [await read(anonymous) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.slow
async def test_a_service_that_hangs_ends_in_504(
    running: Edge, signed_in: httpx.AsyncClient
) -> None:
    running.upstream.answers["GetUser"] = hang
    answer = await signed_in.get("/api/v1/users/1", timeout=15)
    error_of(answer, 504, "DEADLINE_EXCEEDED")
