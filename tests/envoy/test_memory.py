"""Bodies that never end fill no more memory than the edge may have, and it recovers by itself."""

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.campaign.http2 import Connection, Lost, Request, connected
from tests.envoy.conftest import Edge, edge_before
from tests.envoy.honest import honest
from tests.envoy.upstream import Upstream
from tests.waiting import until

ADDRESSES = tuple(f"127.2.0.{n}" for n in range(1, 13))
BODIES_EACH = 30  # fewer than the calls that an address has
BODY = b"a" * 900_000
EACH_BYTES = BODIES_EACH * len(BODY)
HEAP_BYTES = 96 * 2**20
# Envoy counts four times a second, in which `until` looks at most three times, and lets three send.
PEAK_BYTES = HEAP_BYTES + 3.5 * EACH_BYTES


async def hold(connection: Connection) -> None:
    """Sends a body without its end, and waits for what becomes of it."""
    with suppress(Lost):
        await connection.call(Request("POST", "/api/v1/users", body=BODY, ends=False))


async def fill(edge: Edge) -> int:
    """The most that Envoy allocates as one address after the other sends bodies, and holds them."""
    connections, held = [], []
    async with honest(edge) as met:
        for address in ADDRESSES:
            connection = await connected(edge.port, address)
            held += [asyncio.create_task(hold(connection)) for _ in range(BODIES_EACH)]
            await asyncio.sleep(0)  # they begin

            async def is_taken(connection: Connection = connection) -> bool:
                return connection.is_sent

            await until(is_taken)
            connections.append(connection)
    for connection in connections:
        connection.close()
    await asyncio.gather(*held)
    return max(met.allocated_bytes)


async def is_served(edge: Edge) -> bool:
    async with edge.rest() as client:
        with suppress(httpx.TransportError):
            return (await client.get("/health")).status_code == 200
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("heap_mb", "is_bounded"), [(96, True), (1_000, False)])
async def test_memory_is_bounded_by_its_setting(
    heap_mb: int, is_bounded: bool, tmp_path: Path
) -> None:
    async with Upstream() as upstream:
        await upstream.serving(True)
        async with edge_before(upstream, tmp_path, heap_mb=heap_mb) as edge:
            assert (await fill(edge) < PEAK_BYTES) is is_bounded
            await until(lambda: is_served(edge))
