"""The Python client through the edge, where the edge itself refuses."""

import httpx
import pytest

from emporium import Emporium, TooLarge
from server.local.home import ports
from tests.envoy.conftest import Edge, signed

BODY_BYTES_MAX = 1024 * 1024


@pytest.mark.parametrize("name_bytes", [BODY_BYTES_MAX, 3 * BODY_BYTES_MAX, 5 * BODY_BYTES_MAX])
async def test_a_request_over_a_mebibyte_is_too_large(running: Edge, name_bytes: int) -> None:
    async with Emporium(f"127.0.0.1:{running.port}", token=signed()) as shop:
        with pytest.raises(TooLarge) as raised:
            await shop.users.create("ada@example.com", "x" * name_bytes)
    assert raised.value.reason == "BODY_TOO_LARGE"
    assert raised.value.request_id


async def test_a_request_just_below_it_passes(running: Edge) -> None:
    async with Emporium(f"127.0.0.1:{running.port}", token=signed()) as shop:
        await shop.users.create("ada@example.com", "x" * (BODY_BYTES_MAX - 200))


async def test_both_loopback_addresses_lead_to_the_edge(running: Edge) -> None:
    if not ports.has_ipv6():
        pytest.skip("needs the address ::1")
    for host in ("127.0.0.1", "[::1]", "localhost"):
        async with Emporium(f"{host}:{running.port}", token=signed()) as shop:
            await shop.users.get("01900000-0000-7000-8000-000000000000")
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{host}:{running.port}/health")
            assert answer.status_code == 200
