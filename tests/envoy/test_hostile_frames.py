"""Attacks by HTTP/2 frames: each ends its own connection, and nobody else notices."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from emporium.user.v1.user_service_pb2 import User
from tests.effort import Effort
from tests.envoy.conftest import Edge, edge_before
from tests.envoy.honest import honest
from tests.envoy.hostile import ATTACKS, Attack, hostile
from tests.envoy.upstream import Upstream, always
from tests.waiting import until

# Of what Envoy allocates beside what it has when nobody calls, by four connections at once.
GROWTH_BYTES_MAX = 64 * 2**20
# As a setting of HTTP/2, and a reply of some 350 KB.
NO_WINDOW = (4, 0)
LARGE = "/api/openapi.json"


async def are_ended(edge: Edge, attack: Attack, rounds: int = 1) -> list[bool]:
    """Whether the edge ends the connections of the attack."""
    command = [sys.executable, "-m", "tests.envoy.hostile"]
    process = await asyncio.create_subprocess_exec(
        *command, str(edge.port), str(attack), str(rounds), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    ended: list[bool] = json.loads(output)
    return ended


@pytest_asyncio.fixture(loop_scope="session")
async def attacked(tmp_path: Path) -> AsyncIterator[Edge]:
    """An edge of the test's own: who stands behind it may suffer longer than the attack takes."""
    async with Upstream() as upstream:
        await upstream.serving(True)
        upstream.answers["GetUser"] = always(User(id="1"))
        async with edge_before(upstream, tmp_path) as edge:
            yield edge


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_an_attack_ends_its_connection_and_nobody_else_notices(
    attack: Attack, attacked: Edge, effort: Effort
) -> None:
    before = await attacked.allocated_bytes()
    async with honest(attacked) as met:
        assert all(await are_ended(attacked, attack, effort.times(1)))
    assert met.calls > 0
    assert not met.failures
    assert max(met.allocated_bytes) - before < GROWTH_BYTES_MAX


BOUNDED = [attack for attack in ATTACKS if attack.bound]


def defend_nothing(config: dict[str, Any]) -> None:
    static = config["layered_runtime"]["layers"][0]["static_layer"]
    listener = config["static_resources"]["listeners"][0]
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    for holder in (static["overload"], manager["http2_protocol_options"]):
        holder |= {each.bound: 10**6 for each in BOUNDED if each.bound in holder}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def undefended(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Upstream() as upstream:
        await upstream.serving(True)
        folder = tmp_path_factory.mktemp("undefended")
        async with edge_before(upstream, folder, changed=defend_nothing) as edge:
            yield edge


@pytest.mark.parametrize("attack", BOUNDED, ids=str)
async def test_what_ends_an_attack_is_its_bound(attack: Attack, undefended: Edge) -> None:
    assert not any(await are_ended(undefended, attack))


async def test_answers_that_nobody_takes_are_let_go(tmp_path: Path) -> None:
    def soon(config: dict[str, Any]) -> None:
        for listener in config["static_resources"]["listeners"]:
            manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
            manager["stream_flush_timeout"] = "1s"

    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, tmp_path, changed=soon) as edge:
            before = await edge.allocated_bytes()

            async def is_held() -> bool:
                return await edge.allocated_bytes() > before + 10 * 2**20

            async def is_let_go() -> bool:
                return await edge.allocated_bytes() < before + 2 * 2**20

            async with hostile(edge.port, "127.1.0.1", NO_WINDOW) as connection:
                await connection.send(connection.call("GET", LARGE) for _ in range(50))
                async with honest(edge) as met:
                    await until(is_held)
                    await until(is_let_go)
            assert not met.failures
