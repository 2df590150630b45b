"""Many calls at once, whatever becomes of one of the limiters meanwhile: exactly a hundred pass.

The edge here sheds none of them, however many they are.
"""

import asyncio
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from tests.campaign.http2 import Connection, Request, connected
from tests.envoy.conftest import Edge, edge_before, error_of, shed_nothing, signed
from tests.envoy.upstream import Upstream
from tests.waiting import until

AT_ONCE = 400
PATH = "/api/v1/users/1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Upstream() as upstream:
        await upstream.serving(True)
        folder = tmp_path_factory.mktemp("edge")
        async with edge_before(upstream, folder, changed=shed_nothing) as running:
            yield running


@pytest.fixture
async def connections(running: Edge) -> AsyncIterator[list[Connection]]:
    async with connected_to(running) as opened:
        yield opened


@asynccontextmanager
async def connected_to(edge: Edge) -> AsyncIterator[list[Connection]]:
    """Some connections: one takes 256 calls at once."""
    opened = [await connected(edge.port) for _ in range(8)]
    yield opened
    for each in opened:
        each.close()


async def burst(
    connections: list[Connection], when_some_are_answered: Callable[[], None] = lambda: None
) -> Counter[str]:
    """What a client is told that makes 400 calls at once."""
    request = Request("GET", PATH, [("authorization", f"Bearer {signed()}")])
    outcomes: Counter[str] = Counter()

    async def call(connection: Connection) -> None:
        outcomes[(await connection.call(request)).outcome] += 1
        if outcomes.total() == AT_ONCE // 8:
            when_some_are_answered()

    await asyncio.gather(*(call(connections[n % len(connections)]) for n in range(AT_ONCE)))
    return outcomes


async def test_of_many_calls_at_once_exactly_a_hundred_pass(
    connections: list[Connection],
) -> None:
    """By both limiters, to which the edge gives every other call; and none is refused wrongly."""
    for _ in range(20):
        assert await burst(connections) == {"200": 100, "429": 300}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_limiter_that_ends_is_noticed_by_nobody(
    end: signal.Signals, running: Edge, connections: list[Connection]
) -> None:
    """What it was asked about, another is asked; and what it had counted stays counted, once."""
    for number in range(6):
        one = running.limiters[number % 2]
        assert await burst(connections, lambda: one.child.send(end)) == {"200": 100, "429": 300}  # noqa: B023 - awaited here
        await one.child.wait()
        assert await burst(connections) == {"200": 100, "429": 300}
        await one.start()


async def test_a_limiter_that_hangs_delays_calls_and_refuses_none(
    running: Edge, connections: list[Connection]
) -> None:
    one = running.limiters[0]
    told = await burst(connections, lambda: one.child.send(signal.SIGSTOP))
    one.child.send(signal.SIGCONT)
    assert told == {"200": 100, "429": 300}


async def test_without_any_limiter_nothing_passes_and_nothing_is_forgotten(running: Edge) -> None:
    async with running.rest(signed()) as client:
        assert [(await client.get(PATH)).status_code for _ in range(60)] == [200] * 60
        for each in running.limiters:
            each.child.send(signal.SIGKILL)
            await each.child.wait()
        for path in (PATH, "/nowhere"):
            error_of(await client.get(path), 503, "UNAVAILABLE")
        assert (await client.get("/api/openapi.json")).status_code == 503
        async with running.grpc() as channel:
            stub = user_service_pb2_grpc.UserServiceStub(channel)
            metadata = [("authorization", f"Bearer {signed()}")]
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.GetUser(user_service_pb2.GetUserRequest(), metadata=metadata, timeout=5)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert len(running.upstream.calls) == 60
        for each in running.limiters:
            await each.start()
        await until(lambda: ready(running))
        statuses = [(await client.get(PATH)).status_code for _ in range(60)]
        assert statuses == [200] * 40 + [429] * 20


async def ready(running: Edge) -> bool:
    async with running.rest() as client:
        return (await client.get("/ready")).is_success


async def test_without_a_second_question_a_killed_limiter_fails_calls(tmp_path: Path) -> None:
    """So the policy of the filter `limits` is what the tests above hold."""

    def once(config: dict[str, Any]) -> None:
        shed_nothing(config)
        manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
        filters = {each["name"]: each for each in manager["typed_config"]["http_filters"]}
        del filters["limits"]["typed_config"]["rate_limit_service"]["grpc_service"]["retry_policy"]

    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(Upstream())
        await upstream.serving(True)
        edge = edge_before(upstream, tmp_path, changed=once)
        running = await stack.enter_async_context(edge)
        opened = await stack.enter_async_context(connected_to(running))
        assert await burst(opened) == {"200": 100, "429": 300}
        running.limiters[0].child.send(signal.SIGKILL)
        await running.limiters[0].child.wait()
        assert (await burst(opened))["503"] > 0


async def test_limiters_that_share_nothing_count_apart(tmp_path: Path) -> None:
    """So a common folder is what makes their counts one."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(Upstream())
        await upstream.serving(True)
        edge = edge_before(
            upstream,
            tmp_path,
            counts=lambda name: tmp_path / f"{name}.counts",
            changed=shed_nothing,
        )
        running = await stack.enter_async_context(edge)
        opened = await stack.enter_async_context(connected_to(running))
        assert (await burst(opened))["200"] > 100


async def test_calls_that_name_themselves_are_counted_all_the_same(running: Edge) -> None:
    """By what the edge asks a limiter a second time is not the caller's to say."""
    subject = str(uuid.uuid4())
    named = {"authorization": f"Bearer {signed(sub=subject)}"}
    named |= dict.fromkeys(("x-asked-as", "x-request-id"), "always-the-same")
    async with running.rest() as client:
        statuses = [(await client.get(PATH, headers=named)).status_code for _ in range(103)]
    assert statuses == [200] * 100 + [429] * 3
