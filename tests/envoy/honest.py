"""Callers who mean no harm, and must not notice that others do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.campaign.http2 import Lost, Request, connected
from tests.envoy.conftest import Edge, signed

PATH = "/api/v1/users/1"


@dataclass
class Honest:
    """What callers who mean no harm have met."""

    calls: int = 0
    failures: list[str] = field(default_factory=list)
    allocated_bytes: list[int] = field(default_factory=list)

    def note(self, outcome: str) -> None:
        """One more call, and how it ended."""
        self.calls += 1
        if outcome != "200":
            self.failures.append(outcome)


@asynccontextmanager
async def honest(edge: Edge) -> AsyncIterator[Honest]:
    """Callers who go on calling, over HTTP/1.1 and HTTP/2, until the block ends."""
    met, over = Honest(), asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            met.allocated_bytes.append(await edge.allocated_bytes())

    async with asyncio.TaskGroup() as group:
        group.create_task(_by_http1(edge, met, over))
        group.create_task(_by_http2(edge, met, over))
        group.create_task(watch())
        try:
            yield met
        finally:
            over.set()


async def _by_http1(edge: Edge, met: Honest, over: asyncio.Event) -> None:
    async with edge.rest() as client:
        while not over.is_set():
            headers = {"authorization": f"Bearer {signed()}"}
            try:
                met.note(str((await client.get(PATH, headers=headers)).status_code))
            except httpx.TransportError as error:
                met.note(repr(error))


async def _by_http2(edge: Edge, met: Honest, over: asyncio.Event) -> None:
    connection = await connected(edge.port)
    while not over.is_set():
        request = Request("GET", PATH, [("authorization", f"Bearer {signed()}")])
        try:
            met.note((await connection.call(request)).outcome)
        except Lost as lost:
            met.note(str(lost))
            connection = await connected(edge.port)
    connection.close()
