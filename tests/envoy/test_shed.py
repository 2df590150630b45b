"""What the edge does when more is asked than can be answered: it refuses at once, and not all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from emporium.order.v1.order_service_pb2 import Order
from emporium.user.v1.user_service_pb2 import User
from tests.envoy.conftest import Edge, edge_before, shed_nothing, shedding, signed
from tests.envoy.doors import DOORS, Asked, attempt, call
from tests.envoy.upstream import Upstream, always
from tests.waiting import until

AT_ONCE = 4
PATH = "/api/v1/users/1"
MESSAGE = "there are more calls than can be answered; try again"
LIMIT = r"http\.edge\.adaptive_concurrency\.gradient_controller\.concurrency_limit"


def few_at_once(config: dict[str, Any], most: int = AT_ONCE) -> None:
    bounds = {"min_concurrency_limit": AT_ONCE, "max_concurrency_limit": most}
    for each in shedding(config):
        each["gradient_controller_config"]["concurrency_limit_params"] |= bounds


def no_bound(config: dict[str, Any]) -> None:
    few_at_once(config)
    shed_nothing(config)


@dataclass
class Busy:
    """An edge, and how its user service is kept busy."""

    edge: Edge

    @asynccontextmanager
    async def with_calls(self, count: int = AT_ONCE) -> AsyncIterator[None]:
        """So many calls are under way; whoever comes later is answered at once."""
        arrived, over = asyncio.Semaphore(0), asyncio.Event()

        async def hold(request: Any, context: Any) -> User:
            arrived.release()
            await over.wait()
            return User(id="1")

        answers = self.edge.upstream.answers
        answers["GetUser"] = hold
        async with self.edge.rest(signed()) as client, asyncio.TaskGroup() as calls:
            held = [calls.create_task(client.get(PATH)) for _ in range(count)]
            for _ in range(count):
                await arrived.acquire()
            answers["GetUser"] = always(User(id="1"))
            try:
                yield
            finally:
                over.set()
        assert [each.result().status_code for each in held] == [200] * count


@asynccontextmanager
async def busy_edge(folder: Path, changed: Any) -> AsyncIterator[Busy]:
    async with Upstream() as upstream:
        await upstream.serving(True)
        upstream.answers["GetOrder"] = always(Order(id="1"))
        async with edge_before(upstream, folder, per_minute=10_000, changed=changed) as running:
            yield Busy(running)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Busy]:
    async with busy_edge(tmp_path_factory.mktemp("busy"), few_at_once) as made:
        yield made


@pytest.mark.parametrize("door", DOORS)
async def test_a_call_too_many_is_refused_and_told_so(busy: Busy, door: str) -> None:
    asked = Asked(token=signed())
    async with busy.with_calls():
        told = await call(busy.edge, door, asked)
    by_rest = door.startswith("http/")
    assert (told.http_status, told.grpc_status) == ((503, None) if by_rest else (200, 14))
    assert (told.reason, told.message) == ("UNAVAILABLE", MESSAGE)
    assert told.retry_after_seconds == 1
    line = await busy.edge.logged(told.request_id)
    assert (line["reason"], line["details"]) == ("UNAVAILABLE", "reached_concurrency_limit")
    assert await attempt(busy.edge, door, asked) is None, "there is room again"


@pytest.mark.parametrize("own_id", ["mine", 'a"b\\', "a" * 65])
async def test_by_rest_its_own_id_is_told_as_it_is(busy: Busy, own_id: str) -> None:
    asked = Asked(token=signed(), headers=(("x-request-id", own_id),))
    async with busy.with_calls():
        told = await call(busy.edge, "http/2", asked)
    assert told.request_id == own_id


async def test_it_is_told_in_the_words_of_oauth_where_refusals_are(busy: Busy) -> None:
    async with busy.with_calls(), busy.edge.rest() as client:
        answer = await client.post("/api/v1/auth/token", data={"grant_type": "client_credentials"})
    assert answer.status_code == 503
    assert answer.json() == {"error": "temporarily_unavailable", "error_description": MESSAGE}
    assert answer.headers["retry-after"] == "1"


async def test_a_refused_head_has_no_body(busy: Busy) -> None:
    async with busy.with_calls(), busy.edge.rest(signed()) as client:
        answer = await client.head(PATH)
    assert (answer.status_code, answer.content) == (503, b"")


async def test_whoever_leaves_makes_room(busy: Busy) -> None:
    asked = Asked(token=signed())
    async with busy.with_calls(AT_ONCE - 1):
        for _ in range(2):
            assert await attempt(busy.edge, "http/2", asked) is None


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/health"),
        ("GET", "/ready"),
        ("POST", "/api/v1/auth/logout"),
        ("DELETE", "/api/v1/auth/sessions/1"),
        ("POST", "/api/v1/users/1:suspend"),
        ("GET", "/api/v1/orders/1"),  # of a service that is not busy
    ],
)
async def test_some_calls_are_never_too_many(busy: Busy, verb: str, path: str) -> None:
    async with busy.with_calls(), busy.edge.rest(signed()) as client:
        answer = await client.request(verb, path, json={} if verb == "POST" else None)
    assert answer.is_success, answer.text


async def test_without_the_filter_all_are_taken(tmp_path: Path) -> None:
    async with busy_edge(tmp_path, no_bound) as unbounded, unbounded.with_calls():
        assert await attempt(unbounded.edge, "http/2", Asked(token=signed())) is None


async def test_the_bound_follows_how_long_answers_take(tmp_path: Path) -> None:
    async def slowly(request: Any, context: Any) -> User:
        await asyncio.sleep(0.5)  # more than the 0.1 s that half of the answers may take
        return User(id="1")

    async with AsyncExitStack() as stack:
        changed = busy_edge(tmp_path, lambda config: few_at_once(config, most=100))
        running = (await stack.enter_async_context(changed)).edge
        client = await stack.enter_async_context(running.rest(signed()))

        async def limit_after_a_call() -> int:
            assert (await client.get(PATH)).status_code == 200
            return await running.stat(LIMIT)

        async def has_grown() -> bool:
            return await limit_after_a_call() == 100

        async def has_shrunk() -> bool:
            return await limit_after_a_call() == AT_ONCE

        running.upstream.answers["GetUser"] = always(User(id="1"))
        await until(has_grown)
        running.upstream.answers["GetUser"] = slowly
        await until(has_shrunk)
