"""How many calls are under way is known, and can be waited for."""

import asyncio
from typing import Any

import pytest

from server.kit.call.in_flight import InFlight
from server.kit.context import Context
from tests.server.kit.conftest import Running
from tests.server.kit.ping import echo, request


class Gate:
    """A behaviour that waits to be let on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, message: Any, context: Context) -> Any:
        self.reached.set()
        await self.opened.wait()
        return await echo(message, context)


@pytest.mark.parametrize("name", ["Ping", "Collect"])
async def test_a_call_counts_from_its_start_to_its_end(running: Running, name: str) -> None:
    gate = Gate()
    async with running(gate) as ping:
        assert ping.in_flight.count == 0
        call = ping.call(name, request() if name == "Ping" else [request()])
        await asyncio.wait_for(gate.reached.wait(), 5)
        assert ping.in_flight.count == 1
        ended = asyncio.ensure_future(ping.in_flight.ended(timeout_seconds=5))
        gate.opened.set()
        await asyncio.wait_for(ended, 5)
        assert ping.in_flight.count == 0
        await call


async def test_after_the_timeout_it_is_no_longer_waited_for(running: Running) -> None:
    gate = Gate()
    async with running(gate) as ping:
        call = asyncio.ensure_future(ping.call("Ping").code())
        await asyncio.wait_for(gate.reached.wait(), 5)
        await ping.in_flight.ended(timeout_seconds=0.01)
        assert ping.in_flight.count == 1
        gate.opened.set()
        await call


async def test_nothing_under_way_is_not_waited_for() -> None:
    await asyncio.wait_for(InFlight().ended(timeout_seconds=60), 0.1)
